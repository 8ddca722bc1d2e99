# Becomes the broker or controller that a file of properties describes: `sh start.sh FILE`. The environment is the task's.
home=$KAFKA_HOME
if [ ! -x "$home/bin/kafka-server-start.sh" ]; then
  echo "no Kafka in KAFKA_HOME ($home): it must have bin/kafka-server-start.sh; set KAFKA_HOME, or KAFKA_URI to fetch it" >&2
  exit 1
fi
if ! command -v "${JAVA_HOME:+$JAVA_HOME/bin/}java" >/dev/null; then
  echo "no Java in JAVA_HOME (${JAVA_HOME:-not set}) or on the PATH ($PATH)" >&2
  exit 1
fi
# KRaft's volume is formatted once; a later start finds it so.
if [ -n "$KAFKA_QUORUM_VOTERS" ]; then
  KAFKA_HEAP_OPTS=-Xmx256m "$home/bin/kafka-storage.sh" format --ignore-formatted \
    --cluster-id "$KAFKA_CLUSTER_ID" --config "$1" || exit
fi
exec "$home/bin/kafka-server-start.sh" "$1"

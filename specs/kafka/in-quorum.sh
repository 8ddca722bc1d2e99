# Ends with 0 if this controller has found the leader of its quorum, and that one answers.
export KAFKA_HEAP_OPTS=-Xmx128m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1'
exec "$KAFKA_HOME/bin/kafka-metadata-quorum.sh" --bootstrap-controller "${KAFKA_LISTEN_HOST:-localhost}:$CONTROLLER_PORT" \
  describe --status

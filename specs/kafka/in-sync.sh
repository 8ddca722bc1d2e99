# Ends with 0 if this broker is in the cluster and has caught up: each partition that it holds a replica of has it among
# the replicas in sync. The broker itself is asked, by Kafka's own tool. The replicas of others are their own check's.
server=${KAFKA_LISTEN_HOST:-localhost}:$BROKER_PORT
# A tool lives a second: it needs neither the broker's heap nor its compiler.
export KAFKA_HEAP_OPTS=-Xmx128m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1'
{{^KAFKA_KRAFT}}
# With ZooKeeper a port is open before the broker has joined, and then it knows of no partition.
"$KAFKA_HOME/bin/kafka-broker-api-versions.sh" --bootstrap-server "$server" | grep -q "(id: $POD_INSTANCE_INDEX " || exit 1
{{/KAFKA_KRAFT}}
partitions=$("$KAFKA_HOME/bin/kafka-topics.sh" --bootstrap-server "$server" --describe) || exit 1
echo "$partitions" | awk -v id="$POD_INSTANCE_INDEX" '
  /Partition: / {
    replicas = in_sync = ""
    for (i = 1; i < NF; i++) {
      if ($i == "Replicas:") replicas = "," $(i + 1) ","
      if ($i == "Isr:") in_sync = "," $(i + 1) ","
    }
    if (index(replicas, "," id ",")) { held++; if (!index(in_sync, "," id ",")) behind++ }
  }
  END { printf "broker %d: %d of %d replicas in sync\n", id, held - behind, held; exit behind > 0 }'

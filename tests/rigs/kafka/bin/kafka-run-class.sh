#!/bin/sh
# Starts a class of Kafka, as the script of that name in Kafka's own archive does, with the same variables:
# KAFKA_HEAP_OPTS, KAFKA_JVM_PERFORMANCE_OPTS, KAFKA_OPTS, KAFKA_LOG4J_OPTS. It becomes the process of the JVM, so that a
# signal to the one is a signal to the other.
home=$(cd "$(dirname "$0")/.." && pwd)
: "${KAFKA_HEAP_OPTS=-Xmx256m}" "${KAFKA_JVM_PERFORMANCE_OPTS=-XX:+UseSerialGC}"
: "${KAFKA_LOG4J_OPTS=-Dlog4j.configuration=file:$home/config/log4j.properties -Dlog4j2.configurationFile=$home/config/log4j2.properties}"
# The tools speak of what they were asked for alone; a server tells its life.
case $1 in kafka.Kafka | *.QuorumPeerMain) level=INFO ;; *) level=WARN ;; esac
# shellcheck disable=SC2086 # each of them is a list of words
exec java $KAFKA_HEAP_OPTS $KAFKA_JVM_PERFORMANCE_OPTS "-Drig.level=$level" $KAFKA_LOG4J_OPTS $KAFKA_OPTS \
  -cp "$home/libs/*:$home/load" "$@"

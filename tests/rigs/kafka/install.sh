#!/usr/bin/env bash
# Installs a real Apache Kafka from its published Maven artifacts, laid out as Kafka's own archive is: `bin`, `libs`,
# `config`. It prints the folder, which is the KAFKA_HOME that specs/kafka asks for. Some seconds the first time, nothing
# after that.
#
#   install.sh [VERSION]       3.9.1, if not said; 3.7.0 or newer
#
# KAFKA_RIG is the cache folder, by default ~/.cache/planwright-kafka. Maven's own settings say where jars come from.
# Where Java or Maven is missing, Debian's are installed.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=${1:-3.9.1}
cache=$(realpath -m "${KAFKA_RIG:-$HOME/.cache/planwright-kafka}")
home=$cache/kafka-$version
fail() { echo "install.sh: $*" >&2; exit 1; }
at_least() { [ "$(printf '%s\n' "$1" "$version" | sort -V | head -1)" = "$1" ]; }

[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "\`$version\` is not a version such as 3.9.1"
at_least 3.7.0 || fail "Kafka $version is too old for specs/kafka: it takes 3.7.0 or newer"

if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
  command -v apt-get >/dev/null || fail "a JDK (17 or newer) and Maven are needed: install them, and try again"
  echo "installing Maven and a JDK (apt)" >&2
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get -qq update >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y maven default-jdk-headless >&2
fi

dependency() { # GROUP ARTIFACT VERSION [alone]: alone is without what it depends on itself
  local alone='<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
  echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>${4:+$alone}</dependency>"
}

pom() {
  echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
  echo '<groupId>planwright</groupId><artifactId>kafka-rig</artifactId><version>1</version><dependencies>'
  dependency org.apache.kafka kafka_2.13 "$version"
  # The tools alone: what else they ask for is Kafka Connect and a web server, which nothing here starts.
  dependency org.apache.kafka kafka-tools "$version" alone
  dependency net.sourceforge.argparse4j argparse4j 0.7.0
  if at_least 4.0.0; then
    dependency org.apache.logging.log4j log4j-slf4j-impl 2.24.3 alone
    dependency org.apache.logging.log4j log4j-core 2.24.3
  else
    dependency org.slf4j slf4j-reload4j 1.7.36
    # ZooKeeper's server counts with these, and does not say so.
    dependency io.dropwizard.metrics metrics-core 4.1.12.1
  fi
  echo '</dependencies></project>'
}

# command NAME CLASS...: bin/NAME.sh starts the first of these classes that this version has.
command_of() {
  local name=$1 class
  shift
  for class; do
    if grep -qxF "$class" "$new/classes"; then
      printf '#!/bin/sh\nexec "$(dirname "$0")/kafka-run-class.sh" %s "$@"\n' "$class" >"$new/bin/$name.sh"
      chmod +x "$new/bin/$name.sh"
      return
    fi
  done
  fail "Kafka $version has none of: $*"
}

if [ ! -e "$home/installed" ]; then
  mkdir -p "$cache"
  new=$(mktemp -d "$cache/.new-XXXXXX")
  trap 'rm -rf "$new"' EXIT
  pom >"$new/pom.xml"
  if ! mvn -q -B -f "$new/pom.xml" dependency:copy-dependencies -DoutputDirectory="$new/libs" >"$new/maven.log" 2>&1; then
    grep -m 3 ERROR "$new/maven.log" >&2 || cat "$new/maven.log" >&2
    fail "Maven could not fetch Kafka $version"
  fi
  # Which package a tool's class is in changes from version to version.
  for jar in "$new"/libs/kafka*.jar; do jar tf "$jar"; done | sed -n '/\$/!s/\.class$//p' | tr / . | sort -u >"$new/classes"
  cp -r "$here/bin" "$here/config" "$new/"
  command_of kafka-server-start kafka.Kafka
  command_of kafka-storage kafka.tools.StorageTool
  command_of kafka-topics org.apache.kafka.tools.TopicCommand kafka.admin.TopicCommand
  command_of kafka-configs kafka.admin.ConfigCommand org.apache.kafka.tools.ConfigCommand
  command_of kafka-broker-api-versions kafka.admin.BrokerApiVersionsCommand org.apache.kafka.tools.BrokerApiVersionsCommand
  command_of kafka-metadata-quorum org.apache.kafka.tools.MetadataQuorumCommand
  command_of kafka-leader-election org.apache.kafka.tools.LeaderElectionCommand kafka.admin.LeaderElectionCommand
  at_least 4.0.0 ||
    printf '#!/bin/sh\nexec "$(dirname "$0")/kafka-run-class.sh" %s "$@"\n' org.apache.zookeeper.server.quorum.QuorumPeerMain >"$new/bin/zookeeper-server-start.sh"
  chmod +x "$new"/bin/*
  touch "$new/installed"
  rm -rf "$home"
  mv -T "$new" "$home"
  trap - EXIT
fi

# The load checker, again when its source is newer.
if [ ! "$home/load/Load.class" -nt "$here/Load.java" ]; then
  javac -Xlint:all -Werror -cp "$home/libs/*" -d "$home/load" "$here/Load.java" >&2
fi
echo "$home"

#!/bin/sh
# Runs a class of the jars beside this script: kafka CLASS ARGUMENT...
lib=$(cd "$(dirname "$0")" && pwd)/lib
exec java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$lib/*" "$@"

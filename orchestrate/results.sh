#!/bin/sh
# A Singer tap for Meltano: the results that target-activecampaign wrote with results_format: singer.
set -eu
for file in "$ACTIVATION_RESULTS_PATH"/*.singer; do
  [ -e "$file" ] || { echo "no results yet: $ACTIVATION_RESULTS_PATH has no .singer file" >&2; exit 1; }
  cat "$file"
done

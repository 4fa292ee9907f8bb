#!/usr/bin/env bash
# Compiles what is packed or put in an image: type stripping does not reach into node_modules.
set -euo pipefail
cd "$(dirname "$0")/../.."
rm -rf dist
node_modules/.bin/tsc -p tsconfig.build.json
mkdir -p dist/bin
cp bin/worker-flags.json dist/bin/
cp -r contracts/tables contracts/policies contracts/graphql dist/contracts/
cp -r ops/stack/poms ops/stack/jars.sha256 dist/ops/stack/

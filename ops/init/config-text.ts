import { oneLine } from './statement.ts';

interface Settings {
  readonly database: string;
  readonly source: string; // As people name it, without a password.
  readonly slot: string;
  readonly publication: string;
}

/** A configuration with every setting that is required, secrets left to the environment. */
export const configText = ({ database, source, slot, publication }: Settings): string => `\
# Written by \`conductor init\`. What is not here has its default; conductor.example.yaml explains every setting.
# No secret is in this file: { env: NAME } takes one from the environment, { file: PATH } from a file.

# The name of the source in topics: cdc.${database}.<schema>.<table>.
database: ${database}

source:
  url: { env: SOURCE_URL } # ${oneLine(source)}
  slot: ${slot}
  publication: ${publication}

state:
  # A database of Conductor's own, not the source: it keeps the checkpoints.
  url: { env: STATE_URL } # postgres://conductor:password@host:5432/conductor

kafka:
  # Yours; also CONDUCTOR_KAFKA_BROKERS.
  brokers: [localhost:9092]
  # Lanes per topic. Fixed once topics exist.
  partitions: 12
  # 3 on a cluster.
  replication: 1

registry:
  # Yours, a Confluent-compatible schema registry; also CONDUCTOR_REGISTRY_URL.
  url: http://localhost:8080/apis/ccompat/v7

contracts: contracts/tables

keyring:
  # Back it up: without it nothing sealed can be read.
  directory: keyring
  # 64 hex digits, from \`openssl rand -hex 32\`. Keep it away from the keyring; another one only by \`conductor keys rotate\`.
  rootKey: { env: ROOT_KEY }

# Where governed changes come to rest: take the # from sinks and from what you have of them.
# sinks:
#   postgres:
#     url: { env: MIRROR_URL }
#   neo4j:
#     url: bolt://localhost:7687
#     user: neo4j
#     password: { env: NEO4J_PASSWORD }
#   clickhouse:
#     url: http://localhost:8123
#     user: default
#     password: { env: CLICKHOUSE_PASSWORD }
`;

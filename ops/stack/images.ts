import type { Part, Stack } from './stack.ts';

/** How one server runs in a container. */
export interface Image {
  readonly name: string;
  /** The port inside, which clients reach from outside. */
  readonly port: number;
  /** The folder inside that a volume keeps. */
  readonly data: string;
  readonly command: readonly string[];
  /** Its own user may not write into a fresh volume everywhere. */
  readonly user?: string;
  environment(stack: Stack, port: number): Readonly<Record<string, string>>;
}

/** The same servers as the native stack's, as images; compose.yaml names them too. */
export const images: Readonly<Record<Part, Image>> = {
  postgres: {
    name: 'postgres:18',
    port: 5432,
    data: '/var/lib/postgresql',
    command: ['postgres']
      .concat(['-c', 'wal_level=logical', '-c', 'max_connections=200'])
      .concat(['-c', 'max_wal_senders=50', '-c', 'max_replication_slots=50'])
      .concat(['-c', 'max_prepared_transactions=20']),
    environment: ({ postgres }) => ({
      POSTGRES_USER: postgres.user,
      POSTGRES_PASSWORD: postgres.password,
      POSTGRES_INITDB_ARGS: '--auth-host=scram-sha-256',
    }),
  },
  kafka: {
    name: 'apache/kafka:4.1.0',
    port: 9092,
    data: '/var/lib/kafka/data',
    user: 'root',
    command: [],
    environment: (_stack, port) => ({
      KAFKA_NODE_ID: '1',
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENERS: 'PLAINTEXT://:9092,CONTROLLER://:9093',
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
      KAFKA_LOG_DIRS: '/var/lib/kafka/data',
      KAFKA_NUM_PARTITIONS: '12',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_HEAP_OPTS: '-Xmx512m',
    }),
  },
  registry: {
    name: 'apicurio/apicurio-registry:3.0.9',
    port: 8080,
    data: '/var/lib/registry',
    user: 'root',
    command: [],
    environment: () => ({
      APICURIO_STORAGE_KIND: 'sql',
      APICURIO_STORAGE_SQL_KIND: 'h2',
      APICURIO_DATASOURCE_URL: 'jdbc:h2:file:/var/lib/registry/registry;WRITE_DELAY=0',
    }),
  },
  neo4j: {
    name: 'neo4j:5.26-community',
    port: 7687,
    data: '/data',
    command: [],
    environment: ({ neo4j }, port) => ({
      NEO4J_AUTH: `${neo4j.user}/${neo4j.password}`,
      NEO4J_dbms_usage__report_enabled: 'false',
      NEO4J_server_bolt_advertised__address: `127.0.0.1:${port}`,
      NEO4J_server_memory_heap_max__size: '512m',
      NEO4J_server_memory_pagecache_size: '128m',
    }),
  },
  clickhouse: {
    name: 'clickhouse/clickhouse-server:25.8',
    port: 8123,
    data: '/var/lib/clickhouse',
    command: [],
    environment: ({ clickhouse }) => ({
      CLICKHOUSE_USER: clickhouse.user,
      CLICKHOUSE_PASSWORD: clickhouse.password,
      CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT: '1',
    }),
  },
};

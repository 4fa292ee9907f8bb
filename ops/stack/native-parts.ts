import { clickhousePart } from './clickhouse-part.ts';
import { kafkaPart } from './kafka-part.ts';
import type { NativePart } from './native-part.ts';
import { neo4jPart } from './neo4j-part.ts';
import { postgresPart } from './postgres-part.ts';
import { registryPart } from './registry-part.ts';
import type { Part } from './stack.ts';

/** Every part of the native stack. */
export const native: Readonly<Record<Part, NativePart>> = {
  postgres: postgresPart,
  kafka: kafkaPart,
  registry: registryPart,
  neo4j: neo4jPart,
  clickhouse: clickhousePart,
};

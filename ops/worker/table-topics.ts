import type { TableContract } from '../../contracts/contract.ts';
import type { Change, Governed } from '../../schemas/change.ts';
import { changeId, positionText } from '../../schemas/position.ts';
import { keyText } from '../../schemas/value.ts';
import type { Columns, Registered } from '../../schemas/wire.ts';
import type { Outgoing } from '../../sinks/topic.ts';
import type { Setting } from './setting.ts';

/** How a stage names and writes the topic of each table. */
interface Stage<Shape extends Columns> {
  readonly topic: (database: string, table: string) => string;
  readonly shape: (contract: TableContract) => Shape;
  readonly schema: (shape: Shape) => object;
}

interface TableTopic {
  readonly topic: string;
  readonly columns: Columns;
  readonly schema: Registered;
}

/** Registers what a stage writes, table by table, and says where each table's changes go. */
export async function tableTopics<Shape extends Columns>(
  { config, contracts, registry }: Setting,
  stage: Stage<Shape>,
): Promise<(table: string) => TableTopic> {
  const topics = new Map<string, TableTopic>();
  for (const contract of contracts.values()) {
    const topic = stage.topic(config.database, contract.table);
    const columns = stage.shape(contract);
    const schema = await registry.register(topic, stage.schema(columns));
    topics.set(contract.table, { topic, columns, schema });
  }
  return (table) => {
    const found = topics.get(table);
    if (!found) throw new Error(`table ${table} has no topic`);
    return found;
  };
}

/** A change on its way to a topic, in its lane, with what a reader may want to know without decoding it. */
export function outgoing(change: Change | Governed, topic: string, value: Buffer): Outgoing {
  return {
    topic,
    partition: change.lane,
    key: change.key && Buffer.from(keyText(change.key)),
    value,
    headers: {
      id: changeId(change.system, change.log, change.position),
      op: change.op,
      log: change.log,
      position: positionText(change.position),
    },
  };
}

import { IncompatibleSchema } from '../../contracts/registry.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Columns, Registered } from '../../schemas/wire.ts';
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

/**
 * Registers what a stage writes, table by table, and says where each table's changes go. What a person `accepted`
 * may break the form that was written before.
 */
export async function tableTopics<Shape extends Columns, Contract extends TableContract>(
  {
    config,
    contracts,
    registry,
  }: Pick<Setting, 'config' | 'registry'> & {
    readonly contracts: ReadonlyMap<string, Contract>;
  },
  stage: Stage<Shape>,
  accepted?: 'accepted',
): Promise<(table: string) => TableTopic> {
  const topics = new Map<string, TableTopic>();
  for (const contract of contracts.values()) {
    const topic = stage.topic(config.database, contract.table);
    const columns = stage.shape(contract);
    const form = stage.schema(columns);
    const schema = await registry.register(topic, form).catch((error: unknown) => {
      if (!accepted || !(error instanceof IncompatibleSchema)) throw error;
      return registry.register(topic, form, accepted);
    });
    topics.set(contract.table, { topic, columns, schema });
  }
  return (table) => {
    const found = topics.get(table);
    if (!found) throw new Error(`table ${table} has no topic`);
    return found;
  };
}

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDemoDatabase } from '../../../ops/demo/database.ts';
import { readContracts } from '../../../ops/worker/setting.ts';
import { openWay, type Way } from './way.ts';

const demoContracts = new URL('../../../contracts/tables/', import.meta.url);

/** A way with the tables and the contracts of the demo shop, under names of its own. */
export async function openShop(): Promise<Way> {
  const way = await openWay([]);
  try {
    await createDemoDatabase(way.stack.postgres, way.name); // Its search path begins with the way's schema.
    for (const name of await readdir(demoContracts)) {
      const text = await readFile(new URL(name, demoContracts), 'utf8');
      const own = text
        .replaceAll('physicalName: public.', `physicalName: ${way.name}.`)
        .replaceAll(/label: (\w+)/g, `label: $1_${way.name}`);
      await writeFile(join(way.folder, 'contracts', name), own);
    }
    for (const [table, contract] of await readContracts(way.config))
      way.contracts.set(table, contract);
    return way;
  } catch (error) {
    await way[Symbol.asyncDispose]();
    throw error;
  }
}

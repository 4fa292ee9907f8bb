import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig } from '../../../contracts/config.ts';
import { askWarehouse } from '../ask-warehouse.ts';

/** Inserts files of rows into a table of ClickHouse as they are, a file at a time. */
const { values: flags } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    table: { type: 'string', default: '' },
    folder: { type: 'string', default: '' },
    format: { type: 'string', default: '' },
  },
});
const { sinks } = await loadConfig(flags.config);
if (!sinks.clickhouse) throw new TypeError('no ClickHouse is configured');
const query = `INSERT INTO ${flags.table} FORMAT ${flags.format}`;
for (const name of await readdir(flags.folder))
  await askWarehouse(sinks.clickhouse, query, await readFile(join(flags.folder, name)));

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CannotRun } from '../../contracts/cannot-run.ts';
import { askWarehouse } from './ask-warehouse.ts';
import type { Contest } from './deliver-contest.ts';
import { delivered, type Rested, type Run, written } from './deliver-run.ts';
import { speed } from './report.ts';
import type { Site } from './site.ts';

const format = 'Native'; // As the sink writes it.

/** The warehouse, beside a plain INSERT of the rows that it then holds. */
export const clickhouseContest: Contest = {
  databases: [],
  sinks: ({ stack: { clickhouse } }) => ({ clickhouse: { ...clickhouse, database: 'governed' } }),
  async contend(run, read) {
    const { site, rows } = run;
    site.report('deliver    writes the topic to the warehouse');
    const subject = await delivered(run, 'clickhouse', () => countedAt(site));
    await expectChanges(site, 'governed.orders_history', rows);
    const folder = await takenOut(run);
    await askWarehouse(
      site.stack.clickhouse,
      'CREATE TABLE governed.plain AS governed.orders_history',
    );
    site.report('insert     writes the same rows in the same format as they are');
    const limit = await written(site, {
      program: 'insert',
      rows,
      flags: { config: run.config.file, table: 'governed.plain', folder, format },
    });
    await expectChanges(site, 'governed.plain', rows);
    return {
      subject,
      limit,
      limitName: 'insert',
      peers: { read },
      targets: [speed('deliver-clickhouse', subject, 200_000)],
      notes: [
        `insert writes the rows that rest there to a table like theirs, from files of ClickHouse's own in ${format}, one INSERT for each of 12 lanes.`,
      ],
    };
  },
};

/** The orders of the warehouse, as they are counted everywhere. */
export const countedAt = async ({ stack }: Site): Promise<Rested> => {
  const query = `SELECT toInt32(count()) AS rows, toInt32(countIf(status = 'paid')) AS paid
    FROM governed.orders FORMAT JSONEachRow`;
  return JSON.parse((await askWarehouse(stack.clickhouse, query)).toString()) as Rested;
};

/** Rejects unless each change is there once. */
async function expectChanges({ stack }: Site, table: string, rows: number): Promise<void> {
  const said = await askWarehouse(stack.clickhouse, `SELECT count() FROM ${table}`);
  if (Number(said.toString()) === rows) return;
  throw new CannotRun({
    what: `${said.toString().trim()} changes are there of ${rows}`,
    where: table,
    fix: 'find out why before any figure is believed; the logs are kept',
  });
}

/** Writes what rests there to files, a file for each lane; their folder. */
async function takenOut({ site, config }: Run): Promise<string> {
  const folder = join(site.home, 'rows');
  await mkdir(folder);
  const lanes = config.governed[0]?.partitions ?? 0;
  for (let lane = 0; lane < lanes; lane++) {
    const query = `SELECT * FROM governed.orders_history WHERE _lane = ${lane} FORMAT ${format}`;
    await writeFile(join(folder, `${lane}`), await askWarehouse(site.stack.clickhouse, query));
  }
  return folder;
}

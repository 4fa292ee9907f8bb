import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from '@databases/pg';
import { stringify } from 'yaml';
import { openDatabase } from '../../../ops/demo/database.ts';
import { type BadCase, wrongPassword } from './bad-cases.ts';
import { urlOf, type Way } from './way.ts';

async function roleOf(way: Way, suffix: string, options: string): Promise<string> {
  const role = `${way.name}_${suffix}`;
  const db = openDatabase(urlOf(way.stack, 'postgres'));
  await db.query(
    sql`CREATE ROLE ${sql.ident(role)} LOGIN PASSWORD ${sql.__dangerous__rawValue(`'${wrongPassword}'`)} ${sql.__dangerous__rawValue(options)}`,
  );
  await db.dispose();
  return way.urls.source.replace(/\/\/[^@]+@/, `//${role}:${wrongPassword}@`);
}

/** A slot of another name, and a checkpoint of it that says it is a little further than nothing. */
async function slotOf(way: Way, suffix: string, { slot = true, checkpoint = true }) {
  const name = `${way.name}_${suffix}`;
  if (slot)
    await way.source.query(sql`SELECT pg_create_logical_replication_slot(${name}, 'pgoutput')`);
  if (checkpoint)
    await way.state.query(sql`
      INSERT INTO cdc_offsets (stream, lsn, system, timeline, watermark)
      SELECT ${`${way.name}/${name}`}, lsn, system, timeline, watermark
      FROM cdc_offsets WHERE stream = ${`${way.name}/${way.name}`}`);
  return way.variant(({ source }) => (source['slot'] = name));
}

export const sourceCases: readonly BadCase[] = [
  {
    name: 'a role that may not replicate',
    given: async (way) => {
      const url = await roleOf(way, 'plain', '');
      return way.variant(({ source }) => (source['url'] = url));
    },
    says: [
      /role w_\w+_plain may not replicate/,
      /where: source\.url/,
      /fix: .*ALTER ROLE "w_\w+_plain" REPLICATION/,
    ],
  },
  {
    name: 'a role that may not publish',
    given: async (way) => {
      const url = await roleOf(way, 'repl', 'REPLICATION');
      return way.variant(({ source }) =>
        Object.assign(source, { url, publication: `${way.name}_none` }),
      );
    },
    says: [
      /may not publish w_\w+\.lines/,
      /where: publication/,
      /fix: .*CREATE PUBLICATION \w+ FOR TABLE/,
    ],
  },
  {
    name: 'a slot without a checkpoint',
    given: (way) => slotOf(way, 'bare', { checkpoint: false }),
    says: [
      /no checkpoint says that it is ours/,
      /where: replication slot \w+_bare/,
      /pg_drop_replication_slot/,
    ],
  },
  {
    name: 'a checkpoint without its slot',
    given: (way) => slotOf(way, 'gone', { slot: false }),
    says: [/the slot is gone/, /where: replication slot \w+_gone/, /fix: .*copy the tables anew/],
  },
  {
    name: 'a slot that something else has advanced',
    given: async (way) => {
      const file = await slotOf(way, 'moved', {});
      await way.source.query(
        sql`SELECT pg_replication_slot_advance(${`${way.name}_moved`}, pg_current_wal_lsn())`,
      );
      return file;
    },
    says: [
      /the slot was advanced to \S+ by something else/,
      /where: replication slot \w+_moved/,
      /fix: /,
    ],
  },
  {
    name: 'a published table without a contract',
    given: async (way) => {
      await way.commit('CREATE TABLE stray (id int PRIMARY KEY)');
      await way.commit(`CREATE PUBLICATION ${way.name}_stray FOR TABLE stray, marks`);
      return way.variant(({ source }) => (source['publication'] = `${way.name}_stray`));
    },
    says: [
      /published without a contract: \w+\.stray/,
      /where: publication/,
      /fix: .*DROP TABLE \w+\.stray/,
    ],
  },
];

/** A configuration of a stream that is yet to begin, whose contract of a table was changed. */
const promised = (table: string, change: (text: string) => string) => async (way: Way) => {
  const folder = await mkdtemp(join(way.folder, 'contracts-'));
  await cp(join(way.folder, 'contracts'), folder, { recursive: true });
  const path = join(folder, `${table}.yaml`);
  await writeFile(path, change(await readFile(path, 'utf8')));
  return way.variant((raw) => {
    raw['contracts'] = folder;
    raw.source['slot'] = `${way.name}_unbegun`;
  });
};

const column = { name: 'absent', physicalType: 'text', classification: 'internal' };

export const contractCases: readonly BadCase[] = [
  {
    name: 'a contract of a table that there is not',
    given: promised('marks', (text) => text.replace(/(physicalName: \w+)\.marks/, '$1.nothing')),
    says: [/the table is not in the source database/, /where: contract of \w+\.nothing/, /fix: /],
  },
  {
    name: 'a contract of a column that there is not',
    given: promised('marks', (text) => text + stringify([column]).replace(/^/gm, '      ')),
    says: [/the table has no column absent/, /where: contract of \w+\.marks/, /fix: /],
  },
  {
    name: 'a contract with another type than the column has',
    given: promised('marks', (text) => text.replace('physicalType: integer', 'physicalType: text')),
    says: [
      /column n is integer, not text/,
      /contract of \w+\.marks/,
      /fix: .*physicalType: integer/,
    ],
  },
  {
    name: 'a contract with another key than the table has',
    given: promised('lines', (text) =>
      text.replace(/ +primaryKey: true\n +primaryKeyPosition: 2\n/, ''),
    ),
    says: [
      /the primary key is \(person_id, no\), not \(person_id\)/,
      /contract of \w+\.lines/,
      /fix: /,
    ],
  },
  {
    name: 'a confidential column that is to be kept',
    given: promised('people', (text) => text.replace('value: mask', 'value: keep')),
    says: [
      /people\.yaml: \w+\.people, column name: is confidential, and its rule is keep/,
      /use mask/,
    ],
  },
  {
    name: 'a folder without contracts',
    given: async (way) => {
      const folder = await mkdtemp(join(way.folder, 'empty-'));
      return way.variant((raw) => (raw['contracts'] = folder));
    },
    says: [/contracts refused/, /no \*\.yaml in it; write one contract per table/],
  },
];

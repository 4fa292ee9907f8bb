import { randomBytes } from 'node:crypto';
import { expect, test, vi } from 'vitest';
import { warehouse } from '../../../sinks/clickhouse.ts';
import { type FaultStore, faultSuite } from './fault-suite.ts';
import { insertProxy } from './insert-proxy.ts';
import { type Course, courseOf, marksOf } from './lanes-of-marks.ts';
import { freshWarehouse } from './own-warehouse.ts';

faultSuite('ClickHouse', {
  start: freshHistory,
  fates: ['never arrives', 'answer lost', 'arrives twice', 'arrives late'],
  strikes: ['inserting', 'inserted'],
  length: 300,
});

/** A warehouse whose history shows whatever was written twice for ever: no merge folds any. */
async function unmerged() {
  const fresh = await freshWarehouse();
  const run = randomBytes(6).toString('hex');
  const first = await warehouse({ ...fresh.at, contracts: [marksOf(run)] });
  await first[Symbol.asyncDispose]();
  await fresh.command(`SYSTEM STOP MERGES ${fresh.at.database}.marks_${run}_history`);
  return { ...fresh, run };
}

async function freshHistory(): Promise<FaultStore> {
  const { at, run, select, ...fresh } = await unmerged();
  const table = `${at.database}.marks_${run}`;
  return {
    run,
    place: { sink: 'clickhouse', at },
    async expectRests({ lanes, marks }: Course) {
      const history = await select<Record<string, string>>(
        `SELECT toString(count()) AS rows, toString(uniqExact(_lane, _offset)) AS places,
           toString(max(_offset)) AS newest FROM ${table}_history`,
      );
      const all = `${lanes.reduce((sum, lane) => sum + lane.length, 0)}`;
      expect(history).toEqual([
        { rows: all, places: all, newest: `${(lanes[0]?.length ?? 0) - 1}` },
      ]);
      const current = await select<Record<string, string>>(
        `SELECT toString(id) AS id, note, body, toString(after_id) AS after_id FROM ${table} t ORDER BY t.id`,
      );
      expect(current).toEqual(
        marks
          .toSorted((a, b) => (a.id < b.id ? -1 : 1))
          .map(({ id, note, body, after_id: after }) => ({
            id: `${id}`,
            note,
            body,
            after_id: after === null ? null : `${after}`,
          })),
      );
    },
    async proxied(fateOf) {
      const proxy = await insertProxy(at.url, fateOf);
      const through = { ...at, url: `http://127.0.0.1:${proxy.port}` };
      return { proxy, place: { sink: 'clickhouse', at: through } };
    },
    [Symbol.asyncDispose]: () => fresh[Symbol.asyncDispose](),
  };
}

test('who takes a lane waits for an insert that was let in before, and leaves out what it brought', async () => {
  await using fresh = await unmerged();
  const { contract, lanes } = courseOf({ run: fresh.run, lanes: 1, length: 10, seed: 1 });
  const history = `${fresh.at.database}.marks_${fresh.run}_history`;
  await fresh.command(`ALTER TABLE ${history} ADD COLUMN slow UInt8 DEFAULT sleepEachRow(0.2)`);
  const [lane = []] = lanes;
  await using slow = await warehouse({ ...fresh.at, contracts: [contract] });
  await using next = await warehouse({ ...fresh.at, contracts: [contract] });
  const first = slow.write(lane.slice(0, 8));
  const inserts = `SELECT query_id FROM system.processes WHERE query LIKE 'INSERT INTO ${fresh.at.database}.marks%'`;
  await vi.waitFor(async () => expect(await fresh.select(inserts)).toHaveLength(1));
  await next.write(lane);
  await first;
  expect(
    await fresh.select(
      `SELECT toString(count()) AS rows, toString(uniqExact(_offset)) AS places FROM ${history}`,
    ),
  ).toEqual([{ rows: '10', places: '10' }]);
}, 60_000);

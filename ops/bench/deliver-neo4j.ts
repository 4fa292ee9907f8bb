import type { EagerResult } from 'neo4j-driver';
import type { Contest } from './deliver-contest.ts';
import { delivered, expectRested, plainly, type Rested } from './deliver-run.ts';
import type { Site } from './site.ts';

/** The graph, beside a plain MERGE of the same topic. */
export const neo4jContest: Contest = {
  databases: [],
  sinks: ({ stack }) => ({ neo4j: stack.neo4j }),
  async contend(run, read) {
    const { site, committed } = run;
    site.report('merge      writes the topic by UNWIND … MERGE of 5,000 rows');
    const merge = await plainly(run, 'merge');
    expectRested('merge', await countedOf(site, 'Plain'), committed);
    site.report('deliver    writes the topic to the graph');
    const subject = await delivered(run, 'neo4j', () => countedOf(site, 'Order'));
    return {
      subject,
      limit: read,
      limitName: 'read',
      peers: { merge },
      targets: [
        {
          what: 'deliver-neo4j to merge',
          got: (subject.rows_per_s ?? 0) / (merge.rows_per_s ?? 1),
          wanted: 2,
          is: 'at least',
          unit: '×',
        },
      ],
      notes: [
        'merge reads the topic as deliver does, and writes it by UNWIND … MERGE of 5,000 rows, unaware of what comes twice or too late.',
        'Nodes of one label, without relationships.',
      ],
    };
  },
};

async function countedOf({ stack }: Site, label: 'Plain' | 'Order'): Promise<Rested> {
  const { default: neo4j } = await import('neo4j-driver');
  const { url, user, password } = stack.neo4j;
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password), {
    disableLosslessIntegers: true,
  });
  try {
    const { records } = await driver.executeQuery<EagerResult<Rested>>(
      `MATCH (n:${label}) RETURN count(n) AS rows, count(CASE WHEN n.status = 'paid' THEN 1 END) AS paid`,
      {},
      { database: 'neo4j' },
    );
    return records[0]?.toObject() ?? { rows: 0, paid: 0 };
  } finally {
    await driver.close();
  }
}

import { createClient } from '@clickhouse/client';
import { sql } from '@databases/pg';
import neo4j from 'neo4j-driver';
import { openDatabase } from '../../../ops/demo/database.ts';
import type { SinkName } from '../../../ops/worker/sink-names.ts';
import type { Way } from '../way/way.ts';

/** Changes rows of the orders in a sink, takes some away and adds others, as somebody might by hand. */
export const damage: Readonly<Record<SinkName, (way: Way) => Promise<void>>> = {
  postgres: async (way) => {
    const mirror = openDatabase(way.urls.mirror);
    const orders = sql.ident(way.name, 'orders');
    await mirror.query(sql`UPDATE ${orders} SET amount = amount + 1 WHERE id % 7 = 0`);
    await mirror.query(sql`UPDATE ${orders} SET notes = 'by hand' WHERE id % 7 = 1`);
    await mirror.query(sql`DELETE FROM ${orders} WHERE id % 7 = 2`);
    await mirror.query(sql`
      INSERT INTO ${orders} SELECT (jsonb_populate_record(t, jsonb_build_object('id', id + 1000000000))).*
      FROM ${orders} t WHERE id % 7 = 3`);
    await mirror.dispose();
  },
  clickhouse: async (way) => {
    const client = createClient({
      url: way.stack.clickhouse.url,
      username: way.stack.clickhouse.user,
      password: way.stack.clickhouse.password,
    });
    const history = `${way.name}.${way.name}_orders_history`;
    const run = (query: string) =>
      client.command({ query, clickhouse_settings: { mutations_sync: '2' } });
    await run(`ALTER TABLE ${history} UPDATE status = 'by hand' WHERE id % 7 = 0`);
    await run(`ALTER TABLE ${history} DELETE WHERE id % 7 = 2`);
    await run(
      `INSERT INTO ${history} SELECT * REPLACE (id + 1000000000 AS id) FROM ${history} WHERE id % 7 = 3`,
    );
    await run(
      `INSERT INTO ${history} SELECT * REPLACE (_part + 1 AS _part, 'twice' AS status) FROM ${history} WHERE id % 7 = 4`,
    );
    await client.close();
  },
  neo4j: async (way) => {
    const { url, user, password } = way.stack.neo4j;
    await using driver = neo4j.driver(url, neo4j.auth.basic(user, password));
    const orders = `Order_${way.name}`;
    const run = (query: string) => driver.executeQuery(query);
    await run(`MATCH (n:${orders}) WHERE n.id % 7 = 0 SET n.status = 'by hand', n.strange = 1`);
    await run(`MATCH (n:${orders})-[r:PLACED_BY]->() WHERE n.id % 7 = 1 DELETE r`);
    await run(`MATCH (n:${orders}) WHERE n.id % 7 = 2 DETACH DELETE n`);
    await run(`MATCH (n:${orders}) WHERE n.id % 7 = 3 CREATE (m:${orders})
      SET m = n {.*, id: n.id + 1000000000, _key: '{"id":' + toString(n.id + 1000000000) + '}'}`);
    await run(`MATCH (n:${orders})-[:PLACED_BY]->(c), (other:Customer_${way.name}) WHERE n.id % 7 = 4 AND other <> c
      WITH n, min(other._key) AS key MATCH (o:Customer_${way.name} {_key: key}) CREATE (n)-[:PLACED_BY]->(o)`);
  },
};

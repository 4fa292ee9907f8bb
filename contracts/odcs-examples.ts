/** An example for each key that people leave out or get wrong. */
const byKey: Readonly<Record<string, string>> = {
  apiVersion: 'apiVersion: v3.1.0',
  kind: 'kind: DataContract',
  id: 'id: shop',
  version: 'version: 1.0.0',
  status: 'status: active',
  schema: 'schema: [{ name: orders, physicalName: public.orders, … }]',
  name: 'name: orders',
  physicalName: 'physicalName: public.orders',
  physicalType: 'physicalType: bigint for a column, physicalType: table for a table',
  properties: 'properties: [{ name: id, physicalType: bigint, classification: internal, … }]',
  classification: 'classification: internal',
  primaryKey: 'primaryKey: true',
  primaryKeyPosition: 'primaryKeyPosition: 1',
  relationships: 'relationships: [{ type: foreignKey, to: customers.id }]',
  to: 'to: customers.id',
  customProperties: 'customProperties: [{ property: rule, value: keep }]',
  property:
    'property: rule, sensitivity, hierarchy or tokenForm in a column; property: tenant, subject, graph, join, outbox, insertOnly, anon or dp in a table',
  label: 'label: Order',
  type: 'type: PLACED_BY',
  column: 'column: customer_id',
  team: 'team: { name: shop, members: [{ username: ann, role: owner }] }',
  members: 'members: [{ username: ann, role: owner }]',
  quality: 'quality: [{ metric: nullValues, mustBe: 0 }]',
  slaProperties: 'slaProperties: [{ property: retention, value: 3, unit: y }]',
};

/** Of the values of properties, where the value itself is wrong. */
const byProperty: Readonly<Record<string, string>> = {
  rule: '{ property: rule, value: keep }',
  sensitivity: '{ property: sensitivity, value: high }',
  hierarchy:
    '{ property: hierarchy, value: { intervals: [10, 50], from: 0, to: 100 } }, { tree: { Europe: [DE, FR] } } or { prefixes: [3, 1] }',
  tokenForm: '{ property: tokenForm, value: digits }',
  tenant: '{ property: tenant, value: tenant_id }',
  subject: '{ property: subject, value: customer_id }',
  graph: '{ property: graph, value: { label: Order } }',
  join: '{ property: join, value: { type: TAGGED, from: article_id, to: tag_id } }',
  anon: '{ property: anon, value: { quasi_identifiers: [country, age] } }',
  dp: '{ property: dp, value: { epsilon: 1, contribution: { windows: 4, rows: 2 }, queries: [{ name: orders, kind: count }] } }',
};

/** What is right for a key that people leave out or get wrong; the value of a property has an example of its own. */
export const exampleOf = (key: string, property: string | undefined): string | undefined =>
  key === 'value' ? byProperty[property ?? 'rule'] : byKey[key];

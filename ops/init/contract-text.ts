import type { Proposal, ProposedColumn } from './proposed.ts';
import { shortForm } from './references.ts';
import { oneLine } from './statement.ts';

const fromNames =
  '# Proposed by `conductor init` from names and types alone: no row was read. Read it before you run capture.';

/** A proposal as a contract in YAML, each guess with its reason beside it; `head` says what it was guessed from. */
export function contractText(proposal: Proposal, database: string, head = fromNames): string {
  const { table, relation, columns, leftOut, tenant, subject, graph, join, notes } = proposal;
  const own = [
    ...(tenant ? [owner('tenant', tenant.column, tenant.why)] : []),
    ...(subject ? [owner('subject', subject.column, subject.why)] : []),
    ...(graph ? graphLines(graph) : []),
    ...(join
      ? [
          `      - { property: join, value: { type: ${inFlow(join.type)}, from: ${inFlow(join.from)}, to: ${inFlow(join.to)} } }`,
        ]
      : []),
  ];
  const id = relation.schema === 'public' ? relation.name : table;
  return [
    head,
    '# What is confidential leaves the source sealed; govern then keeps, masks, tokenises or drops each column.',
    ...notes.map((note) => `# Look at this: ${oneLine(note)}.`),
    'apiVersion: v3.1.0',
    'kind: DataContract',
    `id: ${scalar(`${database}.${id}`)}`,
    'version: 1.0.0',
    'status: proposed',
    'description:',
    '  purpose: A proposal, not read by anybody yet. Say here what the table is for.',
    '',
    'schema:',
    `  - name: ${scalar(relation.name)}`,
    `    physicalName: ${scalar(table)}`,
    '    physicalType: table',
    ...(own.length > 0 ? ['    customProperties:', ...own] : []),
    '    properties:',
    ...columns.flatMap((column) => columnLines(column, proposal)),
    ...leftOut.map(
      ({ name, generated }) =>
        `      # Left out: ${oneLine(name)}, a ${generated} generated column. ${howPublished[generated]}`,
    ),
    '',
  ].join('\n');
}

const howPublished = {
  no: '',
  stored:
    'PostgreSQL 18 publishes it WITH (publish_generated_columns = stored); before, it is not in the change stream.',
  virtual: 'It is computed when it is read, and never in the change stream.',
} as const;

const owner = (property: string, column: string, why: string) =>
  `      - { property: ${property}, value: ${inFlow(column)} } # ${oneLine(why)}`;

function graphLines({ label, relationships }: NonNullable<Proposal['graph']>): readonly string[] {
  return [
    '      - property: graph',
    '        value:',
    `          label: ${scalar(label)}`,
    ...(relationships.length > 0 ? ['          relationships:'] : []),
    ...relationships.map(
      ({ type, column }) => `            - { type: ${inFlow(type)}, column: ${inFlow(column)} }`,
    ),
  ];
}

function columnLines(column: ProposedColumn, { table, columns }: Proposal): readonly string[] {
  const { name, type, keyPosition, classification, rule, why, pointsTo, isGrave, hierarchy } =
    column;
  const parts = columns.filter((each) => each.keyPosition !== null).length;
  const guessed = pointsTo?.declared === false ? ' # by its name; no foreign key says so' : '';
  return [
    `      - name: ${scalar(name)}`,
    `        physicalType: ${scalar(type)}`,
    ...(keyPosition === null ? [] : ['        primaryKey: true']),
    ...(keyPosition === null || parts < 2 ? [] : [`        primaryKeyPosition: ${keyPosition}`]),
    `        classification: ${classification} # ${oneLine(why)}`,
    ...(pointsTo
      ? [
          `        relationships: [{ type: foreignKey, to: ${shortForm(table, pointsTo)} }]${guessed}`,
        ]
      : []),
    ...(isGrave || hierarchy !== null
      ? [
          '        customProperties:',
          `          - { property: rule, value: ${rule} }`,
          ...(isGrave ? ['          - { property: sensitivity, value: high }'] : []),
          ...(hierarchy === null
            ? []
            : [`          - { property: hierarchy, value: ${hierarchy} }`]),
        ]
      : [`        customProperties: [{ property: rule, value: ${rule} }]`]),
  ];
}

const reserved = /^(?:true|false|null|yes|no|on|off|y|n)$/i;

/** A text as YAML takes it in a block: as it is where that is safe, else as JSON writes it. */
const scalar = (text: string): string =>
  /^[a-z_](?:[\w ,()[\].]*[\w)\]])?$/i.test(text) && !reserved.test(text) ? text : quoted(text);

/** The same between braces, where commas and brackets mean something. */
const inFlow = (text: string): string =>
  /^[a-z_]\w*$/i.test(text) && !reserved.test(text) ? text : quoted(text);

/** JSON leaves some characters as they are that YAML takes for the end of a line, or does not take at all. */
const quoted = (text: string): string =>
  /^[\u0020-\u007E]*["\\][\u0020-\u007E]*$/.test(text)
    ? `'${text.replaceAll("'", "''")}'`
    : escaped(text);

const escaped = (text: string): string =>
  JSON.stringify(text).replaceAll(
    /[\u007F-\u009F\u2028\u2029\uFEFF\uFFFE\uFFFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

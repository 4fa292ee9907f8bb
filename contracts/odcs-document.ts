import { parseDocument } from 'yaml';
import { z } from 'zod';
import { promisedAnon } from './anon.ts';
import { promisedDp } from './dp.ts';
import { promisedHierarchy } from './hierarchy.ts';
import { exampleOf } from './odcs-examples.ts';
import { promisedQuality } from './quality.ts';
import { promisedTokenForm } from './token-form.ts';

const rule = z.enum(['keep', 'mask', 'tokenise', 'generalise', 'drop']);

const named = <Name extends string, Value extends z.ZodType>(property: Name, value: Value) =>
  z.strictObject({ property: z.literal(property), value, description: z.string().optional() });

const graph = z.strictObject({
  label: z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'is no label'),
  relationships: z
    .array(
      z.strictObject({
        type: z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'is no relationship type'),
        column: z.string(),
      }),
    )
    .default([]),
});

const join = z.strictObject({
  type: z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'is no relationship type'),
  from: z.string(),
  to: z.string(),
});

const words = {
  description: z.string().optional(),
  businessName: z.string().optional(),
  tags: z.array(z.string()).optional(),
  id: z.string().optional(),
  quality: z.array(promisedQuality).optional(),
  authoritativeDefinitions: z.array(z.unknown()).optional(),
};

const property = z.strictObject({
  ...words,
  name: z.string().min(1),
  logicalType: z.string().optional(),
  logicalTypeOptions: z.record(z.string(), z.unknown()).optional(),
  physicalType: z.string().min(1),
  required: z.boolean().optional(),
  unique: z.boolean().optional(),
  physicalName: z.string().optional(),
  encryptedName: z.string().optional(),
  criticalDataElement: z.boolean().optional(),
  partitioned: z.boolean().optional(),
  partitionKeyPosition: z.int().optional(),
  transformSourceObjects: z.array(z.string()).optional(),
  transformLogic: z.string().optional(),
  transformDescription: z.string().optional(),
  examples: z.array(z.unknown()).optional(),
  primaryKey: z.boolean().default(false),
  primaryKeyPosition: z.int().optional(),
  classification: z.enum(['public', 'internal', 'confidential', 'restricted']),
  relationships: z
    .array(
      z.strictObject({
        type: z.literal('foreignKey').default('foreignKey'),
        to: z.string().regex(/^\w+(?:\.\w+){1,2}$/, 'is not table.column'),
        customProperties: z.array(z.unknown()).optional(),
      }),
    )
    .max(1, 'a column points to one column at most')
    .default([]),
  customProperties: z
    .array(
      z.discriminatedUnion('property', [
        named('rule', rule),
        named('sensitivity', z.enum(['low', 'medium', 'high'])),
        named('hierarchy', promisedHierarchy),
        named('tokenForm', promisedTokenForm),
      ]),
    )
    .default([]),
});

const table = z.strictObject({
  ...words,
  name: z.string().min(1),
  logicalType: z.string().optional(),
  physicalName: z.string().regex(/^[^.]+\.[^.]+$/, 'is not schema.table'),
  physicalType: z.literal('table'),
  dataGranularityDescription: z.string().optional(),
  properties: z.array(property).min(1),
  customProperties: z
    .array(
      z.discriminatedUnion('property', [
        named('tenant', z.string()),
        named('subject', z.string()),
        named('graph', graph),
        named('join', join),
        named('outbox', z.literal(true)),
        named('insertOnly', z.literal(true)),
        named('anon', promisedAnon),
        named('dp', promisedDp),
      ]),
    )
    .default([]),
});

/** What of people the standard has, and is not read here. */
const about = {
  id: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  tags: z.array(z.string()).optional(),
  customProperties: z.array(z.unknown()).optional(),
  authoritativeDefinitions: z.array(z.unknown()).optional(),
};

const member = z.strictObject({
  ...about,
  username: z.string().min(1),
  role: z.string().optional(),
  dateIn: z.string().optional(),
  dateOut: z.string().optional(),
  replacedByUsername: z.string().optional(),
});

const team = z.strictObject({ ...about, members: z.array(member).optional() });

const slaProperty = z.strictObject({
  id: z.string().optional(),
  property: z.string().min(1),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  valueExt: z.unknown().optional(),
  unit: z.string().optional(),
  element: z.string().optional(),
  driver: z.string().optional(),
  description: z.string().optional(),
  scheduler: z.string().optional(),
  schedule: z.string().optional(),
});

const document = z.strictObject({
  apiVersion: z.literal('v3.1.0'),
  kind: z.literal('DataContract'),
  id: z.string().min(1),
  name: z.string().optional(),
  version: z.string().min(1),
  status: z.enum(['proposed', 'draft', 'active', 'deprecated', 'retired']),
  domain: z.string().optional(),
  dataProduct: z.string().optional(),
  tenant: z.string().optional(),
  tags: z.array(z.string()).optional(),
  description: z.record(z.string(), z.unknown()).optional(),
  team: z.union([z.array(member), team], 'is no team').optional(),
  slaProperties: z.array(slaProperty).default([]),
  slaDefaultElement: z.string().optional(),
  authoritativeDefinitions: z.array(z.unknown()).optional(),
  servers: z.array(z.unknown()).optional(),
  support: z.array(z.unknown()).optional(),
  price: z.unknown().optional(),
  roles: z.array(z.unknown()).optional(),
  customProperties: z.array(z.unknown()).optional(),
  contractCreatedTs: z.string().optional(),
  schema: z.array(table).min(1),
});

/** A column as its document promises it, checked for shape alone. */
export type PromisedColumn = z.infer<typeof property>;

/** A table's place in the graph as its document promises it. */
export type PromisedGraph = z.infer<typeof graph>;

/** Its place there as relationships between two others. */
export type PromisedJoin = z.infer<typeof join>;

/** What a document says of all of its tables. */
type PromisedDocument = Pick<
  z.infer<typeof document>,
  'version' | 'status' | 'team' | 'slaProperties'
> & { readonly tables: readonly { readonly name: string; readonly physicalName: string }[] };

/** A table as its document promises it, and the file that says so. */
export type PromisedTable = z.infer<typeof table> & {
  readonly source: string;
  readonly document: PromisedDocument;
};

/** What is wrong with contracts, one line each: file, table, column, fault, and an example of what is right. */
export class InvalidContracts extends Error {
  override readonly name = 'InvalidContracts';
  readonly problems: readonly string[];

  constructor(problems: readonly string[], options?: ErrorOptions) {
    super(`contracts refused\n  ${problems.join('\n  ')}`, options);
    this.problems = problems;
  }
}

/** Reads the tables of one document of the Open Data Contract Standard 3.1; `source` names it in errors. */
export function readDocument(yaml: string, source: string): readonly PromisedTable[] {
  const parsed = parseDocument(yaml);
  if (parsed.errors.length > 0)
    throw new InvalidContracts(
      parsed.errors.map(({ message }) => `${source}: ${firstLine(message)}`),
    );
  const raw: unknown = parsed.toJS();
  const result = document.safeParse(raw);
  if (result.success) {
    const { version, status, team, slaProperties, schema: tables } = result.data;
    const whole = { version, status, team, slaProperties, tables };
    return tables.map((each) => ({ ...each, source, document: whole }));
  }
  throw new InvalidContracts(
    result.error.issues.map(
      (issue) => `${source}: ${placeOf(issue.path, raw)}${faultOf(issue, raw)}`,
    ),
  );
}

const firstLine = (text: string) => text.split('\n', 1)[0]?.replace(/:$/, '') ?? '';

/** What the standard has, and why it is not taken here. */
const notHere: Readonly<Record<string, string>> = {
  relationships:
    '"relationships" of several columns have no place in the graph; give one of the columns its own',
  properties:
    '"properties" within a column: a value is governed whole, so classify the column by what is worst in it',
  items: '"items" of a column: an array is governed whole, so its physicalType, text[], tells all',
};

function faultOf(issue: z.core.$ZodIssue, raw: unknown): string {
  const key = issue.path.findLast((step) => typeof step === 'string');
  const example = key === undefined ? undefined : exampleOf(key, propertyAt(issue.path, raw));
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .map((each) => notHere[each] ?? `unknown key "${each}"; remove it or correct its spelling`)
      .join('; ');
  const fault = issue.message.endsWith('received undefined')
    ? 'is missing'
    : lower(
        issue.message.replace(/^Invalid discriminator value\..*/, 'is none that is known here'),
      );
  return `${key === undefined ? 'the document' : `"${key}"`} ${fault}${example ? `; for example ${example}` : ''}`;
}

const lower = (text: string) => text.replace(/^[A-Z]/, (letter) => letter.toLowerCase());

/** Names the table and the column that a path goes through: people do not count list items. */
function placeOf(path: readonly PropertyKey[], raw: unknown): string {
  let node = raw;
  let place = '';
  for (const [at, step] of path.entries()) {
    if (typeof node !== 'object' || node === null) break;
    node = Reflect.get(node, step);
    const list = path[at - 1];
    if (typeof step === 'number' && list === 'schema')
      place = `${text(node, 'physicalName') ?? text(node, 'name') ?? `table ${step + 1}`}: `;
    if (typeof step === 'number' && list === 'properties')
      place = `${place.replace(/: $/, '')}, column ${text(node, 'name') ?? step + 1}: `;
  }
  return place;
}

/** The property whose value a path leads to, or into. */
function propertyAt(path: readonly PropertyKey[], raw: unknown): string | undefined {
  let node = raw;
  for (const step of path) {
    const name = text(node, 'property');
    if (name !== undefined || typeof node !== 'object' || node === null) return name;
    node = Reflect.get(node, step);
  }
  return text(node, 'property');
}

function text(node: unknown, key: string): string | undefined {
  const value: unknown = typeof node === 'object' && node !== null ? Reflect.get(node, key) : null;
  return typeof value === 'string' ? value : undefined;
}

import type { TableContract } from '../../contracts/contract.ts';
import { isBlurred } from '../../contracts/strictness.ts';
import type { Policy, Reader as PolicyReader } from '../../contracts/policy/policy.ts';
import { type Claims, everyTenant, scopesOf } from '../../contracts/token-claims.ts';
import type { Tokeniser } from '../../processors/tokens.ts';
import type { OpenSealed, RestingRow, View } from '../../processors/view.ts';
import type { ApiMetrics } from '../api/api-metrics.ts';
import { decided, seesEveryTenant } from '../api/judge.ts';
import { refused } from '../api/refused.ts';
import type { RedactionRules } from '../rollout/redaction-rules.ts';
import type { Rollout } from '../rollout/rollout.ts';
import { restsAsPromised } from './at-rest.ts';
import type { Cursors } from './cursor.ts';
import type { Group, Reader } from './reader.ts';
import { seenBy } from './views.ts';

/** Least number of distinct subjects behind a published group. */
const leastSubjects = 5;

export interface GatewayParts {
  readonly contracts: ReadonlyMap<string, TableContract>;
  readonly policy: () => Policy;
  readonly published: PolicyReader;
  readonly tokens: Tokeniser;
  readonly open: OpenSealed;
  readonly reader: Reader;
  readonly rollout: Rollout;
  readonly orders: RedactionRules;
  readonly cursors: Cursors;
  readonly metrics: ApiMetrics;
  readonly mostRows: number;
}

interface RowsPage {
  readonly table: string;
  readonly rows: readonly RestingRow[];
  readonly next: string | null;
}

export interface Counts {
  readonly table: string;
  readonly k: number;
  readonly groups: readonly Group[];
}

export interface Gateway {
  /** The name of a table that this reader may ask for; refuses one that nobody promised, or that is nobody's. */
  tableFor(claims: Claims, table: string): string;
  rows(
    asked: { readonly table: string; readonly first: number; readonly after: string | null },
    claims: Claims,
    signal: AbortSignal,
  ): Promise<RowsPage>;
  counts(
    asked: { readonly table: string; readonly by: readonly string[] },
    claims: Claims,
    signal: AbortSignal,
  ): Promise<Counts>;
}

/** Reads governed rows as their reader may see them. */
export function gatewayOf(parts: GatewayParts): Gateway {
  const contractOf = (table: string) =>
    parts.contracts.get(table) ?? wrong(`there is no table ${table} under contract`);
  return {
    tableFor(claims, table) {
      tenantFor(parts, contractOf(table), claims);
      return table;
    },
    rows: ({ table, ...asked }, claims, signal) =>
      readRows(parts, { contract: contractOf(table), claims, signal }, asked),
    counts: ({ table, by }, claims, signal) =>
      countGroups(parts, { contract: contractOf(table), claims, signal }, by),
  };
}

/** Who asks for what. */
interface Asking {
  readonly contract: TableContract;
  readonly claims: Claims;
  readonly signal: AbortSignal;
}

async function readRows(
  parts: GatewayParts,
  { contract, claims, signal }: Asking,
  { first, after }: { readonly first: number; readonly after: string | null },
): Promise<RowsPage> {
  const { reader, cursors, metrics, mostRows } = parts;
  const { table } = contract;
  if (first < 1 || first > mostRows) wrong(`first: ask for 1 to ${mostRows} rows`);
  if (contract.key.length === 0) wrong(`table ${table} has no key to be paged by`);
  const tenant = tenantFor(parts, contract, claims);
  const reading = { table, tenant, subject: claims.sub };
  const key = after === null ? null : await cursors.open(reading, after);
  if (after !== null && !key) wrong('after: is no cursor that this reader was given');
  const viewOf = await views(parts, contract, claims);
  const columns = columnsToRead(contract);
  // One row more tells whether there is a next page.
  const limit = first + 1;
  const found = await reader.rows({ contract, columns, tenant, after: key, limit, signal });
  const page = found.slice(0, first);
  let redacted = 0;
  const rows = page.map((row) => {
    const owner = (contract.tenant === null ? null : row[contract.tenant]) ?? claims.tenant;
    const view = viewOf(owner);
    redacted += columns.length - view.asTheyRest.size;
    return view.row(row, owner);
  });
  metrics.redacted(table, redacted);
  const last = found.length > first ? page.at(-1) : undefined;
  return { table, rows, next: last ? await cursors.seal(reading, keyOf(contract, last)) : null };
}

async function countGroups(
  parts: GatewayParts,
  { contract, claims, signal }: Asking,
  by: readonly string[],
): Promise<Counts> {
  const { reader, policy, mostRows } = parts;
  const { table } = contract;
  const tenant = tenantFor(parts, contract, claims);
  const subject = subjectOf(contract, parts);
  const viewOf = await views(parts, contract, claims);
  if (by.length === 0 || new Set(by).size !== by.length) wrong('by: name columns, each once');
  // A group may hold rows of everybody who is read: each one's view must show all that it is grouped by.
  const all = tenant === null ? viewOf.known : [claims.tenant];
  for (const column of by)
    if (!all.every((owner) => viewOf(owner).groupable.has(column)))
      wrong(
        `by: table ${table} cannot be grouped by ${column}: policy shows less of it than rests`,
      );
  const k = isExempt(policy(), claims, table) ? 1 : leastSubjects;
  const wanted = { contract, columns: by, tenant, subject, least: k, limit: mostRows, signal };
  const groups = await reader.groups(wanted);
  const view = viewOf(claims.tenant);
  // Two groupings of one table would else be subtracted from each other, down to a group that is held back.
  const rounded = (count: number) => count - (count % k);
  const shown = ({ group, subjects, rows }: Group) => ({
    group: inGroup(view.row(group, claims.tenant), by),
    subjects: rounded(subjects),
    rows: rounded(rows),
  });
  return { table, k, groups: groups.map(shown) };
}

function wrong(message: string): never {
  throw refused('BAD_USER_INPUT', message);
}

/**
 * Whose rows are read: the token's tenant's, or of everybody where its scope says so. Either way rows must tell whose
 * they are, or they would be seen as those of a tenant that nothing was ever said of.
 */
function tenantFor(
  { policy, published }: GatewayParts,
  contract: TableContract,
  claims: Claims,
): string | null {
  const { table, tenant } = contract;
  const isOfAll = seesEveryTenant(claims);
  if (tenant === null && !isOfAll)
    throw refused(
      'FORBIDDEN',
      `table ${table} belongs to no tenant: it takes the scope ${everyTenant}`,
    );
  const sight = { policy: policy(), published };
  if (tenant !== null && restsAsPromised(contract, tenant, sight) !== 'keep')
    throw refused(
      'FORBIDDEN',
      `column ${tenant} of table ${table} does not rest as it is, so that no tenant's rows can be found by it`,
    );
  return isOfAll ? null : claims.tenant;
}

/** Column by column what rests; the key and the tenant are read though they may not be shown. */
const columnsToRead = ({ columns }: TableContract): readonly string[] =>
  columns.filter(({ rule }) => rule !== 'drop').map(({ name }) => name);

const keyOf = ({ key }: TableContract, row: RestingRow) =>
  Object.fromEntries(key.map((name) => [name, row[name] ?? '']));

/** What is grouped by, and nothing else. */
const inGroup = (row: RestingRow, by: readonly string[]): RestingRow =>
  Object.fromEntries(by.map((column) => [column, row[column] ?? null]));

/** The column that tells subjects apart: as its contract promises it, or one subject could count as two. */
function subjectOf(contract: TableContract, { policy, published }: GatewayParts): string {
  const { table, subject } = contract;
  if (!subject)
    throw refused(
      'FORBIDDEN',
      `table ${table} has no subject: nobody could tell how many are behind a group`,
    );
  const rule = restsAsPromised(contract, subject.column, { policy: policy(), published });
  if (rule === null || isBlurred(rule))
    throw refused(
      'FORBIDDEN',
      `column ${subject.column} of table ${table} does not rest so that subjects can be counted`,
    );
  return subject.column;
}

/** Exempt is who says so in the token's scope and is allowed it by policy. */
const isExempt = (policy: Policy, claims: Claims, table: string): boolean =>
  (scopesOf(claims)?.includes('analytics.exempt') ?? false) &&
  decided(policy, 'analytics.exempt', claims, { tenant: claims.tenant, dataset: table }).allow;

interface Views {
  (tenant: string): View;
  readonly known: readonly string[]; // All of whom anything was ever said: the others' views are one and the same.
}

/** How this reader sees each tenant's rows: by what holds now, and the same for a whole answer. */
async function views(
  { policy, published, tokens, open, rollout, orders, metrics }: GatewayParts,
  contract: TableContract,
  claims: Claims,
): Promise<Views> {
  const sight = { policy: policy(), published, tokens, open };
  const given = await orders.all();
  const states = seesEveryTenant(claims) ? await rollout.all() : [await rollout.of(claims.tenant)];
  const known = new Map(states.map(({ tenant, state }) => [tenant, state]));
  const seen = new Map<string, View>();
  const viewOf = (tenant: string) => {
    let view = seen.get(tenant);
    if (!view) {
      const state = known.get(tenant) ?? 'off';
      const { differences, ...rest } = seenBy(sight, {
        contract,
        claims,
        tenant,
        state,
        orders: given,
      });
      for (const { column, action } of differences)
        metrics.shadowDiff(contract.table, column, action);
      seen.set(tenant, (view = rest.view));
    }
    return view;
  };
  const named = given.flatMap(({ tenant }) => tenant ?? []);
  return Object.assign(viewOf, {
    known: [claims.tenant, '', ...known.keys(), ...named, ...sight.policy.tenants],
  });
}

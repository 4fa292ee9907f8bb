import { PolicyFailure } from './bundle.ts';
import type { PlannedContract } from './plan.ts';
import type { TablePlans } from './table-plans.ts';

interface Revision {
  readonly revision: string;
  readonly plans: ReadonlyMap<string, TablePlans>;
}

/**
 * Refuses a revision that makes other keys of rows than the one before, for everybody or for a tenant: what rests under
 * the old key would stay beside the new one for ever.
 */
export function refuseRekeyed(before: Revision, next: Revision): void {
  const faults = [...rekeyed(before.plans, next.plans)];
  if (faults.length > 0)
    throw new PolicyFailure({
      what: `policy ${next.revision} cannot follow ${before.revision}: ${faults.join('; ')}; rows that were published would stay beside themselves`,
      where: 'the rules of key columns',
      fix: 'leave these columns to their contracts: write the rule there, and copy the table anew (conductor backfill)',
    });
}

function* rekeyed(before: Revision['plans'], next: Revision['plans']): Generator<string> {
  for (const [table, plans] of next) {
    const old = before.get(table);
    if (!old) continue;
    const tenants = new Set([...old.tenants.keys(), ...plans.tenants.keys()]);
    for (const name of plans.everybody.key) {
      const place = `${table}.${name}`;
      yield* changed(place, ruleOf(old.everybody, name), ruleOf(plans.everybody, name));
      for (const tenant of tenants) {
        const was = ruleOf(old.tenants.get(tenant) ?? old.everybody, name);
        const is = ruleOf(plans.tenants.get(tenant) ?? plans.everybody, name);
        yield* changed(`${place} of a tenant with rules of its own`, was, is);
      }
    }
  }
}

const ruleOf = ({ columns }: PlannedContract, name: string) =>
  columns.find((column) => column.name === name)?.rule ?? 'drop';

function* changed(place: string, was: string, is: string): Generator<string> {
  if (was !== is) yield `${place} is of the key, and would turn from ${was} to ${is}`;
}

import { z } from 'zod';
import type { TableContract } from '../../contracts/contract.ts';
import { jsonOf } from '../../contracts/json-text.ts';
import { compare } from '../../contracts/policy/compare.ts';
import type { Policy, Reader } from '../../contracts/policy/policy.ts';

const treatment = z.object({ action: z.string(), to: z.number() }).nullable();
const report = z.object({
  at: z.string(),
  active: z.string(),
  shadow: z.string(),
  table: z.string(),
  tenant: z.string().nullable(),
  tier: z.string(),
  purpose: z.string(),
  column: z.string(),
  from: treatment,
  to: treatment,
  changes: z.number(), // Since the report before.
});

/** A column that the shadow revision decides otherwise, and how many changes that would have touched. */
export type DiffReport = z.output<typeof report>;

/** Columns that two revisions decide differently for one reader, for everybody and for tenants with rules of their own. */
export function diffsOf(
  contracts: ReadonlyMap<string, TableContract>,
  reader: Reader,
  { active, shadow }: { readonly active: Policy; readonly shadow: Policy },
): readonly Omit<DiffReport, 'at' | 'changes'>[] {
  const tenants = [null, ...new Set([...active.tenants, ...shadow.tenants])];
  return [...contracts.values()].flatMap((contract) =>
    tenants.flatMap((tenant) => {
      const [old, next] = [active, shadow].map((policy) => policy.plan(contract, reader, tenant));
      if (!old || !next) return [];
      return compare(old, next).map((diff) => ({
        active: active.revision,
        shadow: shadow.revision,
        table: contract.table,
        tenant,
        tier: active.tierOf(reader.roles),
        purpose: reader.purpose,
        ...diff,
      }));
    }),
  );
}

/** The report of a record; null if it is none. */
export function parseReport(text: string): DiffReport | null {
  return report.safeParse(jsonOf(text)).data ?? null;
}

/** Reports of the same diff taken together: the last of them, with the changes of all. */
export function summed(reports: readonly DiffReport[]): readonly DiffReport[] {
  const sums = new Map<string, DiffReport>();
  for (const each of reports) {
    const { at: _, changes, ...named } = each;
    const name = JSON.stringify(named);
    sums.set(name, { ...each, changes: changes + (sums.get(name)?.changes ?? 0) });
  }
  return [...sums.values()];
}

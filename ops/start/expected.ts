import { isConfidential } from '../../contracts/contract.ts';
import type { Keyring } from '../../contracts/keys/keyring.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import { redaction } from '../../processors/redact.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unchanged, type Value } from '../../schemas/value.ts';

type Plain = Readonly<Record<string, Value>>;

/** What a row of the source must look like wherever it comes to rest: governed by the same rules as the stream. */
export function expectedRows(
  contracts: ReadonlyMap<string, PlannedContract>,
  keyring: Keyring,
): (table: string, row: Plain) => Plain | null {
  const tokens = tokeniser(keyring);
  const plans = new Map(
    [...contracts].map(([table, contract]) => [
      table,
      { contract, plan: redaction(contract, tokens) },
    ]),
  );
  return (table, row) => {
    const rules = plans.get(table);
    if (!rules) return null;
    const { contract, plan } = rules;
    const of = (wanted: boolean) =>
      Object.fromEntries(
        contract.columns
          .filter((column) => isConfidential(column) === wanted)
          .map(({ name }) => [name, row[name] ?? null]),
      );
    const tenant = () => `${contract.tenant === null ? '' : row[contract.tenant]}`;
    const governed = plan.row(of(false), of(true), tenant);
    return Object.fromEntries(
      Object.entries(governed).map(([name, value]) => [name, value === unchanged ? null : value]),
    );
  };
}

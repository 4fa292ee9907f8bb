import { CannotRun } from '../../contracts/cannot-run.ts';
import type { TableContract } from '../../contracts/contract.ts';
import type { Owner } from '../../contracts/keys/keyring.ts';
import { UsageError } from '../commands/usage-error.ts';

type Contracts = ReadonlyMap<string, TableContract>;

/** A subject as people name it. */
interface Named {
  readonly tenant: string | undefined;
  readonly table: string;
  readonly subject: string;
}

/** The owner as capture names him in rows of the table. What is no subject by its contract is refused: nobody would be meant. */
export function ownerOf(contracts: Contracts, { tenant, table, subject }: Named): Owner {
  const { domain, own } = subjectOf(contracts, table);
  checkTenant(tenant, [own]);
  return { tenant: tenant ?? null, domain, subject };
}

/** The same in all tables that share the subject's domain: those with a tenant column name him with his tenant, the others without. */
export function ownersOf(
  contracts: Contracts,
  { tenant, table, subject }: Named,
): readonly Owner[] {
  const { domain } = subjectOf(contracts, table);
  const sharing = [...contracts.values()].filter((each) => each.subject?.domain === domain);
  checkTenant(tenant, sharing);
  const tenants = new Set(sharing.map((each) => (each.tenant === null ? null : (tenant ?? null))));
  return [...tenants].map((whose) => ({ tenant: whose, domain, subject }));
}

function subjectOf(contracts: Contracts, table: string) {
  const own = contracts.get(table);
  const where = `--table ${table}`;
  if (!own)
    throw new CannotRun({
      what: `no contract is of table ${table}`,
      where,
      fix: `name one of ${[...contracts.keys()].join(', ')}`,
    });
  if (!own.subject)
    throw new CannotRun({
      what: `the contract of ${table} names no subject column`,
      where,
      fix: 'name a table whose rows belong to subjects',
    });
  return { domain: own.subject.domain, own };
}

/** A tenant too few or too many names somebody else, whom no row is of. */
function checkTenant(tenant: string | undefined, contracts: readonly TableContract[]): void {
  const told = contracts.find((each) => each.tenant !== null);
  if (told && tenant === undefined)
    throw new UsageError(
      `rows of ${told.table} belong to tenants: say whose subject it is, --tenant <tenant>`,
    );
  if (!told && tenant !== undefined)
    throw new UsageError(
      `rows of ${contracts.map(({ table }) => table).join(', ')} belong to no tenants: leave --tenant out, or nobody is meant`,
    );
}

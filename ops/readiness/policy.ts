import type { Config } from '../../contracts/config.ts';
import type { TableContract } from '../../contracts/contract.ts';
import { conflictsOf, conflictText } from '../../contracts/policy/conflicts.ts';
import { idleRules } from '../../contracts/policy/idle-rules.ts';
import { loadPolicy } from '../../contracts/policy/policy.ts';
import { tablePlans } from '../../contracts/policy/table-plans.ts';
import { bundleAtFirst } from '../policy/rollout-topic.ts';
import { type Finding, ok, warning, withoutContracts } from './finding.ts';

/** Looks whether the policies that decide until a revision is activated can plan every table, and agree with themselves. */
export async function checkPolicy(
  config: Config,
  contracts: ReadonlyMap<string, TableContract> | null,
): Promise<readonly Finding[]> {
  const policy = await loadPolicy(await bundleAtFirst(config));
  if (!contracts) return [withoutContracts('policy')];
  const { govern } = config;
  tablePlans(policy, contracts, govern);
  const tier = policy.tierOf(govern.roles);
  const conflicts = conflictsOf(policy, contracts, govern).map((conflict) =>
    warning('policy', {
      what: `table ${conflict.table}, ${conflictText(conflict)}`,
      where: `revision ${policy.revision}`,
      fix: 'let one of them speak, then conductor policy build',
    }),
  );
  const idle = idleRules(policy.data, contracts).map(({ rule, says }) =>
    warning('policy', {
      what: `rule ${rule} ${says}`,
      where: `revision ${policy.revision}`,
      fix: 'name what is under contract (schema and table), then conductor policy build',
    }),
  );
  return [
    ok('policy', `revision ${policy.revision}, tier ${tier}, purpose ${govern.purpose}`),
    ...conflicts,
    ...idle,
  ];
}

import { PolicyFailure } from '../../contracts/policy/bundle.ts';
import type { Policy } from '../../contracts/policy/policy.ts';
import type { Claims } from '../../contracts/token-claims.ts';
import { tokeniser } from '../../processors/tokens.ts';
import { unsealing } from '../../processors/unseal.ts';
import type { FoundLetter } from '../../replay/letter-search.ts';
import { openLetter, type OpenedLetter, readLetter } from '../../replay/open-letter.ts';
import { auditIn } from '../api/audit.ts';
import { denied, rule, type Ruling } from '../api/judge.ts';
import { opening } from '../gateway/opening.ts';
import { revisionOf } from '../policy/active.ts';
import { readRollout } from '../policy/rollout-topic.ts';
import { redactionRulesIn } from '../rollout/redaction-rules.ts';
import { readContracts } from '../worker/setting.ts';
import { letterChange } from './letter-change.ts';
import { shownChange, type ShownChange, tenantsOf } from './letter-view.ts';
import type { Letters } from './open-letters.ts';

/** What everybody may know of a letter, beside what the index has of it. */
export interface OpenPart {
  readonly message: string | null; // Null where it is gone.
  readonly opened: OpenedLetter | { readonly state: 'gone' };
}

/** Reads a letter from its topic; what it holds sealed is not for showing. */
export async function openPart(letters: Letters, found: FoundLetter): Promise<OpenPart> {
  const written = found.state === 'gone' ? null : await readLetter(letters, found);
  if (!written) return { message: null, opened: { state: 'gone' } };
  await letters.keyring.refresh();
  return { message: written.message, opened: openLetter(letters.keyring, written) };
}

/** What became of asking for what a letter holds sealed. */
export interface Answer {
  readonly ruling: Ruling;
  readonly change: ShownChange | null; // Null unless it is allowed.
}

/**
 * What a letter holds, for whoever bears a token that may unseal it: by his mask plan. Nothing is answered before what
 * was decided is in the audit.
 */
export async function answerFor(
  letters: Letters,
  found: FoundLetter,
  { opened }: OpenPart,
  claims: Claims,
): Promise<Answer> {
  const { config, db, kafka } = letters;
  const audit = await auditIn(db);
  const rollout = await readRollout(kafka, config);
  const policy = await revisionOf(rollout, config, rollout.state.active);
  let answer = await ruled(letters, { opened, claims, policy });
  if (answer.ruling.allowed && claims.once && !(await audit.spend(claims)))
    answer = refusing('replayed');
  await audit.note({
    claims,
    field: 'dlq.show',
    ability,
    operation: `${found.pipeline}/${found.id}`,
    dataset: found.table,
    ...answer.ruling,
    revision: policy.revision,
  });
  return answer;
}

const ability = 'data.unseal';

const refusing = (reason: string): Answer => ({ ruling: denied(reason), change: null });

type Asked = Pick<OpenPart, 'opened'> & { readonly claims: Claims; readonly policy: Policy };

async function ruled(letters: Letters, { opened, claims, policy }: Asked): Promise<Answer> {
  const { config, db, registry, keyring } = letters;
  if (opened.state !== 'here') return refusing(opened.state);
  const unseal = unsealing(keyring, () => {});
  const change = await letterChange(opened.payload, registry, unseal);
  if (typeof change === 'string') return refusing(change);
  const contract = (await readContracts(config)).get(change.table);
  if (!contract) return refusing('no-contract');
  const orders = await redactionRulesIn(db);
  const sight = {
    policy,
    published: config.govern,
    tokens: tokeniser(keyring),
    open: opening(keyring),
    contract,
    claims,
    orders: await orders.all(),
  };
  try {
    const ruling = strictest(tenantsOf(change, contract), (tenant) =>
      rule(policy, ability, claims, { tenant, dataset: change.table, action: 'read' }),
    );
    return { ruling, change: ruling.allowed ? shownChange(change, sight) : null };
  } catch (error) {
    if (error instanceof PolicyFailure) return refusing('policy-failed');
    throw error;
  }
}

/** A row that moved is two tenants': whoever is to see it may see what is of either. */
function strictest(
  tenants: readonly (string | null)[],
  ruled: (tenant: string | null) => Ruling,
): Ruling {
  const rulings = tenants.map(ruled);
  return rulings.find(({ allowed }) => !allowed) ?? rulings[0] ?? denied('no-change');
}

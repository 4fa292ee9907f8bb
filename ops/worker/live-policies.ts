import { NotNow } from '../../contracts/cannot-run.ts';
import type { PolicyBundle } from '../../contracts/policy/bundle.ts';
import { conflictsOf } from '../../contracts/policy/conflicts.ts';
import type { PlannedContract } from '../../contracts/policy/plan.ts';
import { loadPolicy, type Policy } from '../../contracts/policy/policy.ts';
import { Rollout } from '../../contracts/policy/rollout.ts';
import { refuseRekeyed } from '../../contracts/policy/rekeyed.ts';
import { type TablePlans, tablePlans } from '../../contracts/policy/table-plans.ts';
import { governedShape } from '../../contracts/shapes.ts';
import { governedTopic } from '../../contracts/topics.ts';
import type { Forms, Watching } from '../../pipelines/govern.ts';
import { followTopic } from '../../pipelines/topic/follow.ts';
import type { ColumnSealer } from '../../processors/seal-column.ts';
import { redactedColumns } from '../../processors/redact.ts';
import type { Tokeniser } from '../../processors/tokens.ts';
import { governedSchema } from '../../schemas/avro.ts';
import { log } from '../log.ts';
import { InTurn } from '../policy/in-turn.ts';
import { bundleAtFirst, ensurePolicyTopics, takeUp } from '../policy/rollout-topic.ts';
import { reasonOf } from './keep-running.ts';
import type { Setting } from './setting.ts';
import { Shadow } from './shadow.ts';
import { tableTopics } from './table-topics.ts';

/** A revision that is ready: its plans are made, and the schemas that its rows have are registered. */
interface InUse {
  readonly bundle: PolicyBundle;
  readonly revision: string;
  readonly policy: Policy;
  readonly plans: ReadonlyMap<string, TablePlans>;
  readonly forms: Forms;
}

interface Means {
  readonly tokens: Tokeniser;
  readonly seals: ColumnSealer;
}

const reportEveryMs = 5_000;
const againMs = 5_000;

/** What decided last in this process: what begins anew after an outage need not be stopped by a bad revision. */
const lastGood = new WeakMap<Setting, InUse>();

/** The policies of a running govern: they follow their topic, and are exchanged between two batches. */
export class LivePolicies implements AsyncDisposable {
  readonly #setting: Setting;
  readonly #means: Means;
  readonly #rollout = new Rollout();
  readonly #stack = new AsyncDisposableStack();
  readonly #first: PolicyBundle;
  #inUse: InUse | null = null;
  #shadow: Shadow | null = null;
  #shadowOf = ''; // Beside which active revision which shadow was tried last.
  #again: ReturnType<typeof setTimeout> | undefined;
  readonly #turns = new InTurn(() => this.#follow());

  private constructor(setting: Setting, means: Means, first: PolicyBundle) {
    this.#setting = setting;
    this.#means = means;
    this.#first = first;
  }

  /** Resolves once a revision is in use; rejects if the one that is asked for cannot be, and none was before. */
  static async open(setting: Setting, means: Means): Promise<LivePolicies> {
    const { kafka, config, counters } = setting;
    await ensurePolicyTopics(kafka, config);
    const live = new LivePolicies(setting, means, await bundleAtFirst(config));
    live.#stack.use(
      await followTopic(kafka, config.policy.topic, {
        take(records) {
          takeUp(live.#rollout, records);
          live.#turns.news();
        },
        lost: (error) =>
          log.warn(
            { pipeline: counters.pipeline, error: reasonOf(error) },
            'policies are not followed; trying again',
          ),
      }),
    );
    try {
      await live.#turns.begin(() => live.#begin());
    } catch (error) {
      await live.#stack.disposeAsync();
      throw error;
    }
    const reporting = setInterval(() => void live.#report(), reportEveryMs);
    live.#stack.defer(() => live.#report());
    live.#stack.defer(() => {
      clearInterval(reporting);
      clearTimeout(live.#again);
    });
    live.#stack.defer(() => live.#turns.end());
    return live;
  }

  /** How the changes of each table leave by the revision that decides now. */
  readonly forms = (): Forms => this.#inUse?.forms ?? none;

  /** Who counts what leaves, where a shadow runs. */
  readonly watching = (): Watching | null => this.#shadow?.saw ?? null;

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #begin(): Promise<void> {
    const before = lastGood.get(this.#setting);
    try {
      await this.#use(this.#bundle(this.#asked()));
      this.#settled();
    } catch (error) {
      if (!before || error instanceof NotNow) throw error;
      await this.#use(before.bundle);
      this.#refuse('active', this.#asked(), error);
    }
    await this.#beside();
  }

  /** The revision that is to decide. */
  #asked(): string {
    return this.#rollout.state.active ?? this.#first.revision;
  }

  #bundle(revision: string): PolicyBundle {
    return revision === this.#first.revision ? this.#first : this.#rollout.bundle(revision);
  }

  /** Takes up what was rolled out. Whatever goes wrong, what is in use stays in use. */
  async #follow(): Promise<void> {
    const asked = this.#asked();
    if (asked === this.#inUse?.bundle.revision) this.#settled();
    else
      try {
        await this.#use(this.#bundle(asked));
        this.#settled();
      } catch (error) {
        this.#refuse('active', asked, error);
        if (error instanceof NotNow) this.#tryAgain();
      }
    await this.#beside();
  }

  /** What is asked for is in use. */
  #settled(): void {
    this.#setting.counters.policy.failed('active', false);
  }

  #tryAgain(): void {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#turns.news(), againMs);
  }

  #refuse(role: 'active' | 'shadow', revision: string, error: unknown): void {
    const { counters } = this.#setting;
    counters.policy.failed(role, true);
    const goesOn = this.#inUse?.bundle.revision ?? null;
    log.error(
      { pipeline: counters.pipeline, role, revision, goesOn, error: reasonOf(error) },
      role === 'active'
        ? 'a revision of the policies cannot be used; the one before it goes on'
        : 'the shadow revision of the policies cannot be evaluated; nothing else changes',
    );
  }

  /** Makes a revision ready, and only then exchanges it: what is released after belongs to it. */
  async #use(bundle: PolicyBundle): Promise<void> {
    const { contracts, config, counters } = this.#setting;
    const policy = await loadPolicy(bundle);
    const { revision } = policy;
    const plans = tablePlans(policy, contracts, config.govern);
    const before = lastGood.get(this.#setting);
    if (before) refuseRekeyed(before, { revision, plans });
    const forms = new Map([...plans].map(([table, { form }]) => [table, form]));
    // Whoever activated a revision has accepted that its rows have another form.
    const accepted = this.#rollout.state.active === bundle.revision ? 'accepted' : undefined;
    const topicOf = await tableTopics({ ...this.#setting, contracts: forms }, stage, accepted);
    const { tokens, seals } = this.#means;
    const released = new Map(
      [...plans].map(([table, plan]) => {
        const { topic, columns: shape, schema } = topicOf(table);
        const columns = (each: PlannedContract) => redactedColumns(each, tokens, plan.form);
        return [table, { plans: plan, columns, seals, shape, schema, topic }];
      }),
    );
    this.#inUse = { bundle, revision, policy, plans, forms: released };
    lastGood.set(this.#setting, this.#inUse);
    counters.policy.active(revision);
    const tier = policy.tierOf(config.govern.roles);
    log.info(
      {
        pipeline: counters.pipeline,
        policy: revision,
        tier,
        purpose: config.govern.purpose,
      },
      'policy in use',
    );
    this.#tellConflicts(policy);
  }

  #tellConflicts(policy: Policy): void {
    const { contracts, config, counters } = this.#setting;
    for (const conflict of conflictsOf(policy, contracts, config.govern))
      log.warn(
        { pipeline: counters.pipeline, policy: policy.revision, ...conflict },
        'rules of one level disagree; the strictest counts',
      );
  }

  /** Has the shadow revision run beside the active one, if there is one. */
  async #beside(): Promise<void> {
    const { shadow } = this.#rollout.state;
    if (!this.#inUse) return;
    const { bundle, policy } = this.#inUse;
    const name = `${bundle.revision}/${shadow ?? ''}`;
    if (name === this.#shadowOf) return;
    await this.#report();
    this.#shadow = null;
    this.#shadowOf = name;
    const { policy: counters } = this.#setting.counters;
    counters.failed('shadow', false);
    counters.differs(0);
    if (shadow === null) return;
    try {
      this.#shadow = await Shadow.load(this.#setting, policy, this.#bundle(shadow));
    } catch (error) {
      this.#refuse('shadow', shadow, error);
    }
    await this.#report();
  }

  async #report(): Promise<void> {
    const { counters } = this.#setting;
    await this.#shadow
      ?.report()
      .catch((error: unknown) =>
        log.warn(
          { pipeline: counters.pipeline, error: reasonOf(error) },
          'the diffs of the shadow policy were not written; they are kept',
        ),
      );
  }
}

const stage = { topic: governedTopic, shape: governedShape, schema: governedSchema };

const none: Forms = new Map();

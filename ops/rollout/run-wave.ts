import { CannotRun } from '../../contracts/cannot-run.ts';
import type { Config } from '../../contracts/config.ts';
import { type Monitor, monitorsIn, redOf } from './monitors.ts';
import type { Rollout } from './rollout.ts';
import { movesOf, tenantsOf } from './wave.ts';

export interface Wave {
  readonly percent: number;
  readonly to: 'shadow' | 'on';
  readonly tenants: readonly string[];
  readonly by: string;
  readonly isDry: boolean;
}

export interface Waved {
  readonly tenants: number;
  readonly chosen: number; // Tenants that the wave reaches.
  readonly moves: readonly string[]; // Those of them who were not there yet.
  readonly to: 'shadow' | 'on';
  readonly monitors: readonly Monitor[];
  readonly red: readonly string[];
  readonly isDry: boolean;
}

/** Moves the tenants of a wave, unless a monitor is red; a dry run only tells. */
export async function runWave(
  rollout: Rollout,
  api: Config['api'],
  { percent, to, tenants, by, isDry }: Wave,
): Promise<Waved> {
  const monitors = await readMonitors(api.monitors);
  const chosen = tenantsOf(tenants, { percent, salt: api.rolloutSalt });
  const states = new Map((await rollout.all()).map(({ tenant, state }) => [tenant, state]));
  const moves = movesOf(chosen, states, to);
  const red = redOf(monitors);
  if (!isDry) {
    refuseRed(red);
    await rollout.move({ tenants: moves, state: to, by, why: `wave ${percent}` });
  }
  return { tenants: tenants.length, chosen: chosen.length, moves, to, monitors, red, isDry };
}

/** Throws where anybody would be moved on while a monitor is red. */
export function refuseRed(red: readonly string[]): void {
  if (red.length === 0) return;
  throw new CannotRun({
    what: `nobody is moved on while monitors are red:\n  ${red.join('\n  ')}`,
    where: 'api.monitors',
    fix: 'mend what they tell of; conductor privacy rollout --tenant T --to off takes a tenant back at any time',
  });
}

/** What the workers say that a wave waits for; one that does not answer is not taken to be well. */
export async function readMonitors(urls: readonly string[]): Promise<readonly Monitor[]> {
  const texts = await Promise.all(
    urls.map(async (url) => {
      const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
      if (answer?.ok) return answer.text();
      throw new CannotRun({
        what: `${url} does not answer, so that nobody knows whether all is well`,
        where: 'api.monitors',
        fix: 'start that worker, or correct its address',
      });
    }),
  );
  return monitorsIn(texts);
}

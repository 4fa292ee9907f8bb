import type { PromisedTable } from './odcs-document.ts';
import { propertyOf } from './property-of.ts';
import type { Said } from './said.ts';

const releases = [
  { property: 'anon', name: 'its k-anonymous rows' },
  { property: 'dp', name: 'its noisy aggregates' },
] as const;

/** What two contracts of a table promise otherwise of what it releases: none of it goes together with what is out. */
export const releaseChanges = (was: PromisedTable, is: PromisedTable): readonly Said[] =>
  releases.flatMap(({ property, name }): readonly Said[] => {
    const [before, after] = [settingsOf(was, property), settingsOf(is, property)];
    if (!before) return after ? [{ what: `${name} are released now`, breaks: null }] : [];
    if (!after) return [{ what: `${name} are not released any more`, breaks: 'readers miss them' }];
    const keys = [...new Set([...before.keys(), ...after.keys()])];
    return keys.flatMap((key): readonly Said[] => {
      const [then, now] = [before.get(key), after.get(key)];
      if (then === now) return [];
      const what = `${name} had ${key} ${then ?? 'unsaid'}, and have ${now ?? 'unsaid'}`;
      return [{ what, breaks: weakened(key, then, now) }];
    });
  });

/** Settings by their path, each as JSON. */
function settingsOf(
  table: PromisedTable,
  property: 'anon' | 'dp',
): ReadonlyMap<string, string> | null {
  const found = propertyOf(table, property);
  return found && new Map(leaves(found, []));
}

const leaves = (
  value: unknown,
  path: readonly string[],
): readonly (readonly [path: string, json: string])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]))
    : [[path.join('.'), JSON.stringify(value)]];

/** Of some settings less is weaker, of some more. */
const lessIsWeaker = /^(?:k|l)$/;
const moreIsWeaker = /^(?:epsilon|delta|contribution\..*)$/;

function weakened(key: string, then: string | undefined, now: string | undefined): string {
  const less = Number(now ?? 0) < Number(then ?? 0);
  if (lessIsWeaker.test(key))
    return less
      ? 'fewer subjects stand behind what is told of one'
      : 'rows that were released are not any more';
  if (moreIsWeaker.test(key))
    return less ? 'its readers are told less exactly' : 'more is told of a subject than before';
  return 'what is released now does not go together with what is out';
}

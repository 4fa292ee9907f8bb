import type { AnonymousTable } from '../../../pipelines/anonymity/sightings.ts';
import { people } from './people.ts';
import { type Happening, type Person, scene, World } from './world.ts';

/** Somebody who is like all others, but for what is said. */
export const person = (
  id: number,
  more: Partial<Person> & { readonly op?: 'update' } = {},
): Happening => ({
  op: 'put',
  id,
  owner: id,
  country: 'CH',
  age: 30,
  mood: 'good',
  ...more,
});

/** What windows of happenings come to. */
export async function told(
  happenings: readonly (readonly Happening[])[],
  anon: Partial<AnonymousTable['anon']> = {},
) {
  const table = people(anon);
  const of = scene(table, happenings);
  const world = new World(table, of);
  await world.run();
  const auditor = world.audit();
  const live = [...auditor.live.values()].map(({ region, subject }) => `${subject} ${region}`);
  return { world, auditor, live: live.toSorted(), ...of };
}

/** Of whoever is like all others. */
export const region = '["CH","[30,40)"]';

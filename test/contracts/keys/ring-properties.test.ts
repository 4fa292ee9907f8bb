import { mkdtempSync, rmSync, writeSync } from 'node:fs';
import type * as NodeFs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, test, vi } from 'vitest';
import type { KeyringAdmin } from '../../../contracts/keys/keyring-admin.ts';
import type { Owner } from '../../../contracts/keys/keyring.ts';
import { RingModel } from './ring-model.ts';

const real = await vi.hoisted(() => import('node:fs'));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof NodeFs>();
  return { ...fs, writeSync: vi.fn(fs.writeSync) };
});

/** The process dies in the middle of its write of a number; half of that one is on disk. */
function dieAtWrite(number: number): void {
  let writes = 0;
  vi.mocked(writeSync).mockImplementation(((
    file: number,
    bytes: Buffer | string,
    ...rest: [number?, number?, (number | null)?]
  ) => {
    if (++writes < number) return real.writeSync(file, bytes as Buffer, ...rest);
    const whole = typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
    const place = typeof bytes === 'string' ? rest[0] : rest[2];
    const half = Math.floor(whole.length / 2);
    if (writes === number) real.writeSync(file, whole, 0, half, place ?? null);
    throw new Error('killed');
  }) as typeof writeSync);
}

/** Here nobody else writes: what is torn need not be waited for. */
vi.spyOn(Atomics, 'wait').mockReturnValue('timed-out');

const live = () => vi.mocked(writeSync).mockImplementation(real.writeSync);
afterEach(live);

const owners: readonly Owner[] = ['1', '2', null].flatMap((tenant) =>
  ['ada', 'bob', null].map((subject) => ({ tenant, domain: 'public.users.id', subject })),
);

const owner = fc.constantFrom(...owners);
const process = fc.nat(1);
const change = fc.oneof(
  fc.record({ kind: fc.constant('subject' as const), owner }),
  fc.record({ kind: fc.constant('tenant' as const), tenant: fc.constantFrom('1', '2', null) }),
  fc.record({ kind: fc.constant('subjects' as const), tenant: fc.constantFrom('1', '2') }),
  fc.record({ kind: fc.constant('destroy' as const), owner, rotate: fc.boolean() }),
  fc.record({ kind: fc.constant('root' as const), retire: fc.boolean() }),
);
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('seal' as const), process, owner }) },
  { weight: 3, arbitrary: change },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('killed' as const),
      change,
      write: fc.integer({ min: 1, max: 14 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      unsaved: fc.array(owner, { maxLength: 3 }),
    }),
  },
);

/** Does it; what there is nothing for is refused, and changes nothing. */
async function make(model: RingModel, admin: KeyringAdmin, wanted: Change): Promise<void> {
  if (wanted.kind === 'destroy') return model.destroy(admin, wanted.owner, wanted.rotate);
  if (wanted.kind === 'root') return admin.rotateRoot();
  const asked =
    wanted.kind === 'subject'
      ? admin.rotateSubject(wanted.owner)
      : wanted.kind === 'tenant'
        ? admin.rotateTenant(wanted.tenant)
        : admin.rotateSubjectsOf(wanted.tenant);
  await asked.catch((error: unknown) => {
    if (!(error instanceof Error && error.name === 'CannotRun')) throw error;
  });
}

/** Makes a change; a new root key is taken up once the command is through, and the old one may then be retired. */
async function administer(model: RingModel, wanted: Change): Promise<void> {
  const next = wanted.kind === 'root' ? model.nextRoot() : null;
  {
    using admin = await model.admin(next);
    await make(model, admin, wanted);
  }
  if (next !== null) model.root = next;
  if (wanted.kind !== 'root' || !wanted.retire) return;
  for (const process of model.processes) await process.refresh(); // A second goes by.
  using admin = await model.admin();
  await admin.retireRoot();
}

/** Killed in the middle; whoever comes next takes the lock from the dead, and finishes. */
async function killed(model: RingModel, wanted: Change, write: number): Promise<void> {
  const before = model.root;
  dieAtWrite(write);
  try {
    await administer(model, wanted);
  } catch (error) {
    if (!(error instanceof Error && error.message.includes('killed'))) throw error;
  } finally {
    live();
  }
  await model.close(); // Another process finds half a write only when it is opened.
  if (wanted.kind !== 'root' || model.root !== before) return;
  using admin = await model.admin(model.lastRoot); // The operator gives the command again.
  await admin.rotateRoot();
  model.root = model.lastRoot;
}

test(
  'through rotations, erasures, kills and power cuts every box opens whose subject is not erased, and no other, in every process',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), async (steps) => {
        const folder = mkdtempSync(join(tmpdir(), 'ring-'));
        const model = new RingModel(join(folder, 'keys'));
        try {
          await model.open();
          for (const each of steps) {
            while (model.processes.length < 2) await model.open();
            if (each.kind === 'seal') {
              const { processes } = model;
              for (const one of processes) await one.refresh();
              await model.seal(processes[each.process]!, each.owner);
            } else if (each.kind === 'crash') {
              for (const unsaved of each.unsaved) model.processes[0]!.keyOf(unsaved);
              await model.crash(each.share);
            } else if (each.kind === 'killed') await killed(model, each.change, each.write);
            else await administer(model, each);
            if (each.kind !== 'seal') model.settled();
            await model.check();
          }
        } finally {
          live();
          await model.close();
          rmSync(folder, { recursive: true });
        }
      }),
      { numRuns: 60 },
    );
  },
);

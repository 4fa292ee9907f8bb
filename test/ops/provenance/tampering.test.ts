import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { makeExport } from '../../../ops/bench/proved-export.ts';
import { folderCopy, segmentFile } from '../../../ops/provenance/log-copy.ts';
import { verify, type Wanted } from '../../../ops/provenance/verify.ts';
import { readEntries, TileFolder } from '../../../pipelines/prove/tile-folder.ts';
import { Bytes } from '../../../schemas/bytes.ts';
import {
  type ProvedRecord,
  readProved,
  segmentStart,
  writeProved,
} from '../../../schemas/segment-bytes.ts';
import { type Manifest, segmentName } from '../../../schemas/stream-manifest.ts';
import { checkpointOf, otherKey, wanted } from './log-in-memory.ts';
import { smallExport } from './small-export.ts';

const home = mkdtempSync(join(tmpdir(), 'conductor-tampering-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const whole = join(home, 'whole');
const manifests = takingTurns(makeExport(whole, smallExport));

/** Streams take turns in a log, as where several are proved at once. */
function takingTurns(made: readonly Manifest[]): readonly Manifest[] {
  const places = [...made.keys()].toSorted((a, b) => made[a]!.number - made[b]!.number);
  const entries = readEntries(whole, made.length);
  const ordered = places.map((at) => entries[at]!);
  const tiles = TileFolder.empty(whole);
  for (const entry of ordered) tiles.append(entry);
  tiles.save();
  writeFileSync(join(whole, 'checkpoint'), checkpointOf(ordered));
  return places.map((at) => made[at]!);
}

let copies = 0;

/** Verifies a copy of the export that something was done to. */
async function tampered(change: (folder: string) => void, more: Partial<Wanted> = {}) {
  const folder = join(home, `copy-${copies++}`);
  cpSync(whole, folder, { recursive: true });
  change(folder);
  await using copy = await folderCopy(folder);
  const verified = await verify(copy, { ...wanted, ...more });
  rmSync(folder, { recursive: true });
  return { ...verified, first: verified.faults.find(({ segment }) => segment !== null) };
}

const withRecords = (manifest: Manifest, change: (records: ProvedRecord[]) => void) =>
  tampered((folder) => {
    const file = join(folder, segmentFile(manifest));
    const records = [...readProved(readFileSync(file))];
    change(records);
    const out = new Bytes();
    out.copy(segmentStart, 0, segmentStart.length);
    for (const record of records) writeProved(record, out);
    writeFileSync(file, out.view());
  });

/** What was done to the entries; the hashes beside them are left as they were, or made to fit. */
const withEntries = (isForged: boolean, change: (entries: Buffer[]) => void) =>
  tampered((folder) => {
    const entries = readEntries(folder, manifests.length).map((entry) => Buffer.from(entry));
    change(entries);
    const forged = join(home, 'forged');
    const tiles = TileFolder.empty(forged);
    for (const entry of entries) tiles.append(entry);
    tiles.save();
    const part = isForged ? 'tile' : 'tile/entries';
    rmSync(join(folder, part), { recursive: true });
    cpSync(join(forged, part), join(folder, part), { recursive: true });
    rmSync(forged, { recursive: true });
    if (entries.length === manifests.length) return;
    const bundle = readFileSync(join(folder, 'tile/entries', `000.p/${entries.length}`));
    writeFileSync(join(folder, 'tile/entries', `000.p/${manifests.length}`), bundle);
  });

const segment = fc.constantFrom(...manifests);
const place = fc.nat(manifests.length - 1);
const many = { numRuns: 30 };

test('an export that nobody touched is verified', async () => {
  const verified = await tampered(() => {});
  expect(verified).toMatchObject({ verified: true, entries: 10, faults: [] });
  expect(verified.streams.map(({ records }) => records)).toEqual([50, 50]);
});

test('a changed byte of any record is found, and its segment named', async () => {
  await fc.assert(
    fc.asyncProperty(segment, fc.nat(), fc.integer({ min: 1, max: 255 }), async (one, at, by) => {
      const { verified, faults } = await tampered((folder) => {
        const file = join(folder, segmentFile(one));
        const bytes = readFileSync(file);
        bytes[at % bytes.length]! ^= by;
        writeFileSync(file, bytes);
      });
      expect(verified).toBe(false);
      expect(faults.map((fault) => fault.segment)).toEqual([segmentName(one)]);
    }),
    many,
  );
});

const change = (record: ProvedRecord): ProvedRecord => ({ ...record, value: Buffer.from('no') });

/** Offsets stay where they are. */
function exchanged(records: ProvedRecord[], at: number): void {
  const own = records[at]!.partition;
  const lane = [...records.keys()].filter((each) => records[each]!.partition === own);
  const [first, last] = [records[lane[0]!]!, records[lane.at(-1)!]!];
  records[lane[0]!] = { ...last, offset: first.offset };
  records[lane.at(-1)!] = { ...first, offset: last.offset };
}

const deeds: readonly (readonly [
  name: string,
  deed: (records: ProvedRecord[], at: number, to: number) => void,
  words: RegExp,
])[] = [
  ['changed', (records, at) => (records[at] = change(records[at]!)), /a record was changed/],
  ['dropped', (records, at) => records.splice(at, 1), /a record was removed/],
  ['doubled', (records, at, to) => records.splice(to, 0, records[at]!), /a duplicate was put in/],
  [
    'put in',
    (records, at, to) => records.splice(to, 0, { ...records[at]!, offset: 1_000n }),
    /a record was put in/,
  ],
  [
    'moved',
    (records, at, to) => {
      const [moved] = records.splice(at, 1);
      records.splice(to === at ? (at + 1) % (records.length + 1) : to, 0, moved!);
    },
    /a reordering/,
  ],
  ['made to change places with another of its partition', exchanged, /a reordering/],
];

test.each(deeds)(
  'a record that was %s is found, told, and its segment named',
  async (_, deed, words) => {
    await fc.assert(
      fc.asyncProperty(segment, fc.nat(), fc.nat(), async (one, at, to) => {
        const { verified, faults } = await withRecords(one, (records) =>
          deed(records, at % records.length, to % records.length),
        );
        expect(verified).toBe(false);
        expect(faults.map((fault) => fault.segment)).toEqual([segmentName(one)]);
        expect(faults[0]?.what).toMatch(words);
      }),
      many,
    );
  },
);

test('records that were taken away as a whole are found', async () => {
  for (const one of manifests) {
    const { verified, first } = await tampered((folder) => rmSync(join(folder, segmentFile(one))));
    expect(verified).toBe(false);
    expect(first).toMatchObject({ segment: segmentName(one), what: 'its records are missing' });
  }
});

test('a changed byte of any manifest is found', async () => {
  await fc.assert(
    fc.asyncProperty(
      place,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (index, at, by, isForged) => {
        const { verified, faults } = await withEntries(isForged, (entries) => {
          const entry = entries[index]!;
          entry[at % entry.length]! ^= by;
        });
        expect(verified).toBe(false);
        expect(faults[0]?.index).toBe(index);
      },
    ),
    many,
  );
});

test('a manifest that was removed is found, and its segment named', async () => {
  await fc.assert(
    fc.asyncProperty(place, fc.boolean(), async (index, isForged) => {
      const { verified, faults, first } = await withEntries(isForged, (entries) =>
        entries.splice(index, 1),
      );
      expect(verified).toBe(false);
      expect(first?.segment).toBe(segmentName(manifests[index]!));
      expect(faults.map(({ what }) => what).join()).toMatch(/missing|manifests? w(as|ere) removed/);
    }),
    many,
  );
});

test('a manifest that was removed from a full bundle is found, and what is behind it is looked at', async () => {
  const folder = join(home, 'large');
  const made = makeExport(folder, { ...smallExport, records: 2_600 });
  const bundle = readEntries(folder, made.length).slice(0, 256);
  for (const removed of [0, 100, 255]) {
    const left = bundle.toSpliced(removed, 1).flatMap((entry) => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    });
    writeFileSync(join(folder, 'tile/entries/000'), Buffer.concat(left));
    await using copy = await folderCopy(folder);
    const { faults, entries } = await verify(copy, wanted);
    expect(entries).toBe(made.length - 1);
    const first = faults.find(({ segment }) => segment !== null);
    expect(first?.segment).toBe(segmentName(made[removed]!));
  }
});

test('manifests in another order are found, and the first that is out of its place is named', async () => {
  await fc.assert(
    fc.asyncProperty(place, place, async (some, others) => {
      fc.pre(some !== others);
      const [low, high] = [Math.min(some, others), Math.max(some, others)];
      const { verified, faults } = await withEntries(false, (entries) => {
        [entries[low], entries[high]] = [entries[high]!, entries[low]!];
      });
      expect(verified).toBe(false);
      expect(faults[0]?.index).toBe(low);
      expect(faults[0]?.segment).toBe(segmentName(manifests[low]!));
      const isChained = manifests[low]!.stream === manifests[high]!.stream;
      if (isChained) expect(faults[0]?.what).toMatch(/comes later: a reordering/);
    }),
    many,
  );
});

test('a manifest that was put in again is found, and named', async () => {
  await fc.assert(
    fc.asyncProperty(place, place, fc.boolean(), async (index, to, isForged) => {
      fc.pre(to > index);
      const { verified, first } = await withEntries(isForged, (entries) =>
        entries.splice(to, 0, entries[index]!),
      );
      expect(verified).toBe(false);
      expect(first?.index).toBe(to);
    }),
    many,
  );
});

test('a log that was signed anew by another key is no log', async () => {
  const { verified, faults } = await tampered((folder) => {
    makeExport(folder, { ...smallExport, key: otherKey, streams: ['pg.orders'] });
  });
  expect(verified).toBe(false);
  expect(faults.map(({ what }) => what).join()).toContain('no key that is trusted has signed it');
});

test('a fork that the same key signed is found by an earlier checkpoint', async () => {
  const earlier = readFileSync(join(whole, 'checkpoint'), 'utf8');
  const fork = (folder: string, records: number) =>
    makeExport(folder, { ...smallExport, streams: ['pg.orders'], records, valueBytes: 65 });
  const unnoticed = await tampered((folder) => {
    rmSync(join(folder, 'segments'), { recursive: true });
    fork(folder, 200);
  });
  expect(unnoticed.verified).toBe(true);
  for (const [records, words] of [
    [200, /the log was rewritten/],
    [20, /entries were removed/],
  ] as const) {
    const { verified, faults } = await tampered(
      (folder) => {
        rmSync(join(folder, 'segments'), { recursive: true });
        fork(folder, records);
      },
      { earlier },
    );
    expect(verified).toBe(false);
    expect(faults.map(({ what }) => what).join()).toMatch(words);
  }
});

test('a checkpoint that no witness has signed is not enough where one must have', async () => {
  const { verified, faults } = await tampered(() => {}, { quorum: 1 });
  expect(verified).toBe(false);
  expect(faults[0]?.what).toBe('0 witnesses have signed the checkpoint of 10 entries, not 1');
});

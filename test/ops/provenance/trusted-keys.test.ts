import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { trustedKeys } from '../../../ops/provenance/trusted-keys.ts';
import { verifierText } from '../../../schemas/signed-note.ts';
import { signingKey } from '../../../schemas/signing-key.ts';

const home = mkdtempSync(join(tmpdir(), 'conductor-keys-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const line = (name: string, kind: 'log' | 'witness', byte: string) =>
  verifierText({ name, kind, key: signingKey(byte.repeat(32)) });

function read(text: string) {
  const path = join(home, 'log.keys');
  writeFileSync(path, text);
  return trustedKeys(path);
}

test('keys of a log, old and new, and of witnesses are read, and what is said to people is not', async () => {
  const keys = await read(
    `# our log\n${line('log.example', 'log', '11')}\n\n${line('log.example', 'log', '22')} # since May\n${line('w.example', 'witness', '33')}\n`,
  );
  expect(keys.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    'log.example log',
    'log.example log',
    'w.example witness',
  ]);
});

test.each([
  ['has a line that is no key', `${line('log.example', 'log', '11')}\nsomething\n`, /line 2 is no/],
  [
    'has a key with another hash',
    line('log.example', 'log', '11').replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
    /line 1 is no/,
  ],
  ['is of nobody', '# nobody\n', /keys of 0 logs/],
  ['is of witnesses alone', line('w.example', 'witness', '33'), /keys of 0 logs/],
  [
    'is of two logs',
    `${line('log.example', 'log', '11')}\n${line('other.example', 'log', '11')}\n`,
    /keys of 2 logs/,
  ],
])('a file that %s is refused', async (_, text, fault) => {
  await expect(read(text)).rejects.toThrow(fault);
});

test('a file that is not there is refused', async () => {
  await expect(trustedKeys(join(home, 'none'))).rejects.toThrow(/cannot be read/);
});

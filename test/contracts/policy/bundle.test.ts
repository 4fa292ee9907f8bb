import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  bundleFiles,
  bundleOf,
  bundleText,
  parseBundle,
  PolicyFailure,
  readBundle,
  shippedBundle,
} from '../../../contracts/policy/bundle.ts';
import { loadPolicy } from '../../../contracts/policy/policy.ts';
import { compilePolicies, findOpa, sourcesOf, testPolicies } from '../../../ops/policy/opa.ts';

const opa = await findOpa();
const policies = dirname(shippedBundle);
const folder = await mkdtemp(join(tmpdir(), 'conductor-bundle-'));
afterAll(() => rm(folder, { recursive: true }));

test('the committed bundle was compiled from the policies beside it', async () => {
  expect((await readBundle(shippedBundle)).sources).toBe(await sourcesOf(policies));
});

test.skipIf(!opa)(
  'the committed bundle is what opa makes of its sources, byte by byte, twice',
  async () => {
    const committed = await readBundle(shippedBundle);
    await cp(policies, join(folder, 'elsewhere'), { recursive: true });
    for (const place of [policies, join(folder, 'elsewhere')])
      expect((await compilePolicies(opa!, place)).digest).toBe(committed.digest);
  },
);

test.skipIf(!opa)('opa test passes, and reaches at least 95 of 100 lines', async () => {
  const { passed, failed, coverage } = await testPolicies(opa!, policies);
  expect(failed).toEqual([]);
  expect(passed).toBeGreaterThan(20);
  expect(coverage).toBeGreaterThanOrEqual(95);
});

test.skipIf(!opa)(
  'policies that do not compile are refused with the file and the line',
  async () => {
    const broken = join(folder, 'broken');
    await cp(policies, broken, { recursive: true });
    await writeFile(
      join(broken, 'v2.rego'),
      'package intelgraph.policy.v2\n\nplan := unheard_of\n',
    );
    await expect(compilePolicies(opa!, broken)).rejects.toThrow(/v2\.rego:3[\s\S]*unheard_of/);
  },
);

test.skipIf(!opa)('a failed policy test is told by its name', async () => {
  const failing = join(folder, 'failing');
  await cp(policies, failing, { recursive: true });
  await writeFile(join(failing, 'x_test.rego'), 'package x_test\n\ntest_never if 1 == 2\n');
  expect((await testPolicies(opa!, failing)).failed).toEqual(['test_never']);
});

test('a bundle goes through a text unchanged', async () => {
  const bundle = await readBundle(shippedBundle);
  expect(parseBundle(bundleText(bundle), 'text')).toEqual(bundle);
});

test('a bundle whose wasm or data was changed is refused', async () => {
  const { wasm, dataText, sources } = await readBundle(shippedBundle);
  for (const [file, bytes] of [
    [bundleFiles.wasm, Buffer.concat([wasm, Buffer.of(0)])],
    [bundleFiles.data, dataText.replace('"drop"', '"keep"')],
  ] as const) {
    const damaged = await mkdtemp(join(folder, 'damaged-'));
    await cp(shippedBundle, damaged, { recursive: true });
    await writeFile(join(damaged, file), bytes);
    await expect(readBundle(damaged)).rejects.toThrow('its digest is');
  }
  const text = bundleText(bundleOf({ wasm, dataText, sources }, 'x'));
  expect(() => parseBundle(text.replace(/"digest":"./, '"digest":"x'), 'x')).toThrow(PolicyFailure);
  expect(() => parseBundle('{}', 'x')).toThrow('it is no bundle');
  expect(() => parseBundle('no JSON', 'x')).toThrow('it is no bundle');
  await expect(readBundle(join(folder, 'nowhere'))).rejects.toThrow('no compiled policy');
});

test('wasm that is none is refused', async () => {
  const { dataText } = await readBundle(shippedBundle);
  const bundle = bundleOf({ wasm: Buffer.from('no wasm'), dataText, sources: '' }, 'x');
  await expect(loadPolicy(bundle)).rejects.toThrow(PolicyFailure);
});

const good = JSON.parse(await readFile(join(shippedBundle, bundleFiles.data), 'utf8')) as Record<
  string,
  readonly object[]
>;
const rule = { name: 'r', level: 'tenant', when: {}, action: 'mask' };
const grant = { name: 'g', level: 'tenant', when: {}, actions: ['a.read'], effect: 'allow' };

const faults = [
  {
    name: 'an action that there is not',
    data: { rules: [{ ...rule, action: 'publish' }] },
    says: 'rules r.action: expected keep, tokenise',
  },
  {
    name: 'generalising to no level',
    data: { rules: [{ ...rule, action: 'generalise' }] },
    says: 'rules r.to: ',
  },
  {
    name: 'a condition with a slip in its name',
    data: { rules: [{ ...rule, when: { purposses: ['research'] } }] },
    says: 'rules r.when: Unrecognized key: "purposses"',
  },
  {
    name: 'a level that there is not',
    data: { rules: [{ ...rule, level: 'team' }] },
    says: 'rules r.level: ',
  },
  {
    name: 'a purpose rule that names none',
    data: { rules: [{ ...rule, level: 'purpose' }] },
    says: 'rule r is of level purpose and names none',
  },
  {
    name: 'a dataset grant that names none',
    data: { grants: [{ ...grant, level: 'dataset' }] },
    says: 'grant g is of level dataset and names none',
  },
  {
    name: 'a purpose that is not listed',
    data: { rules: [{ ...rule, when: { purposes: ['fun'] } }] },
    says: 'the purpose fun',
  },
  {
    name: 'a role that is not listed',
    data: { rules: [{ ...rule, unless: { roles: ['king'] } }] },
    says: 'the role king',
  },
  { name: 'two rules of one name', data: { rules: [rule, rule] }, says: 'rule r is there twice' },
  {
    name: 'an ability in no form',
    data: { grants: [{ ...grant, actions: ['*'] }] },
    says: 'an ability',
  },
  { name: 'no purposes', data: { purposes: [] }, says: 'purposes' },
];

for (const { name, data, says } of faults)
  test(`data with ${name} is refused by name`, () => {
    const dataText = JSON.stringify({ ...good, ...data });
    const make = () => bundleOf({ wasm: Buffer.alloc(0), dataText, sources: '' }, 'data.yaml');
    expect(make).toThrow(PolicyFailure);
    expect(make).toThrow(says);
  });

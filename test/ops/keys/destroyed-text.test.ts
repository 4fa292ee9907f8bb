import { expect, test } from 'vitest';
import { destroyedText } from '../../../ops/keys/destroyed-text.ts';

test('that nothing was destroyed is said first, and what to look at', () => {
  const [first] = destroyedText({ versions: 0, rewrapped: 3 }).split('\n');
  expect(first).toMatch(/^no key was destroyed:.*--tenant, --table and --subject/);
  expect(destroyedText({ versions: 2, rewrapped: 3 })).toMatch(/^2 keys are destroyed\n/);
});

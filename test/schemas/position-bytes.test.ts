import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bytes } from '../../schemas/bytes.ts';
import { positionText } from '../../schemas/position.ts';
import { PositionBytes, positionLength } from '../../schemas/position-bytes.ts';
import { nearPosition, position } from './arbitrary.ts';

test('positions have the bytes of their texts, whichever were written before', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(position, nearPosition)), (positions) => {
      const texts = new PositionBytes();
      const out = new Bytes(16);
      for (const each of positions) texts.write(each, out);
      expect(out.view().toString('latin1')).toBe(positions.map(positionText).join(''));
      expect(out.at).toBe(positions.length * positionLength);
    }),
  );
});

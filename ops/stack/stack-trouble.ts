/** Why a stack cannot be had: names the part, and what to do about it. */
export class StackTrouble extends Error {
  override readonly name = 'StackTrouble';
}

/** What the types of `@open-policy-agent/opa-wasm` name. Node has it all, and the types of Node leave it out. */
declare namespace WebAssembly {
  interface Module {}
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface MemoryDescriptor {
    readonly initial: number;
  }
  interface Instance {
    readonly exports: object;
  }
  interface WebAssemblyInstantiatedSource {
    readonly module: Module;
    readonly instance: Instance;
  }
}
type BufferSource = ArrayBufferView | ArrayBuffer;

/**
 * @peculiar/x509, a second reader of certificates. The container inside it demands three functions on Reflect that its
 * package does not bring; it keeps the metadata of its own classes with them, and nothing else.
 */
type Store = WeakMap<object, Map<unknown, unknown>>
type Metadata = {
  getMetadata?: (key: unknown, target: object) => unknown
  getOwnMetadata?: (key: unknown, target: object) => unknown
  defineMetadata?: (key: unknown, value: unknown, target: object) => void
}

export async function openOtherX509(): Promise<typeof import('@peculiar/x509')> {
  const reflect = Reflect as Metadata
  const store: Store = new WeakMap()
  const own = (key: unknown, target: object): unknown => store.get(target)?.get(key)
  reflect.getMetadata ??= own
  reflect.getOwnMetadata ??= own
  reflect.defineMetadata ??= (key, value, target) => {
    const kept = store.get(target) ?? new Map()
    store.set(target, kept.set(key, value))
  }
  return import('@peculiar/x509')
}

/**
 * The key with which a page opens its streams. A link may bring it behind `#`, which browsers do
 * not send anywhere; it is taken out of the address at once. It is kept for the tab, or, where
 * somebody wants it so, on the device.
 */

export interface Access {
  kind: 'key' | 'admin';
  secret: string;
  account?: string;
}

export function headersOf({ kind, secret, account }: Access): Record<string, string> {
  const shown = kind === 'admin' ? { 'x-admin-token': secret } : { 'x-api-key': secret };
  return account ? { ...shown, 'x-account-id': account } : shown;
}

export function accessFromLink(): Access | undefined {
  const given = new URLSearchParams(location.hash.slice(1));
  const secret = given.get('key') ?? given.get('admin');
  if (!secret) {
    return undefined;
  }
  history.replaceState(history.state, '', location.pathname + location.search);
  const account = new URLSearchParams(location.search).get('account') ?? undefined;
  return { kind: given.has('key') ? 'key' : 'admin', secret, ...(account ? { account } : {}) };
}

export class Keychain {
  constructor(private readonly name: string) {}

  read(): Access | undefined {
    const text = sessionStorage.getItem(this.name) ?? localStorage.getItem(this.name);
    try {
      return text ? (JSON.parse(text) as Access) : undefined;
    } catch {
      return undefined;
    }
  }

  keep(access: Access, onDevice: boolean): void {
    this.forget();
    (onDevice ? localStorage : sessionStorage).setItem(this.name, JSON.stringify(access));
  }

  forget(): void {
    sessionStorage.removeItem(this.name);
    localStorage.removeItem(this.name);
  }
}

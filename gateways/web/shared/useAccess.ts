import { useCallback, useEffect, useState } from 'react';
import { type Access, accessFromLink, Keychain } from './credentials';

interface Held {
  access: Access | undefined;
  signIn: (access: Access, onDevice: boolean) => void;
  signOut: () => void;
}

/** The credential of a page: from its link, from before, or from somebody who types it. */
export function useAccess(name: string): Held {
  const [keychain] = useState(() => new Keychain(name));
  const [access, setAccess] = useState(() => taken(keychain) ?? keychain.read());
  const signIn = useCallback(
    (given: Access, onDevice: boolean) => {
      keychain.keep(given, onDevice);
      setAccess(given);
    },
    [keychain],
  );
  const signOut = useCallback(() => {
    keychain.forget();
    setAccess(undefined);
  }, [keychain]);
  useEffect(() => {
    // a link that is opened in a tab that shows the page already
    const onHash = () => {
      const given = taken(keychain);
      if (given) {
        setAccess(given);
      }
    };
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, [keychain]);
  return { access, signIn, signOut };
}

function taken(keychain: Keychain): Access | undefined {
  const given = accessFromLink();
  if (given) {
    keychain.keep(given, false);
  }
  return given;
}

import { useCallback, useState } from 'react';
import { SignIn } from '../shared/SignIn';
import { useAccess } from '../shared/useAccess';
import { Page } from './Page';

export function App() {
  const { access, signIn, signOut } = useAccess('callplane.debug');
  const [problem, setProblem] = useState<string>();
  const leave = useCallback(
    (why?: string) => {
      setProblem(why);
      signOut();
    },
    [signOut],
  );
  if (!access) {
    return (
      <SignIn
        title="Debug monitor"
        hint="Commands, replies, facts and edge messages as they pass on the bus. It is for operators: an admin token, or a key with the scope * of an account without parent."
        forOperators
        problem={problem}
        onAccess={(given, onDevice) => {
          setProblem(undefined);
          signIn(given, onDevice);
        }}
      />
    );
  }
  return <Page access={access} onLeave={leave} />;
}

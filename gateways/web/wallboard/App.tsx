import { useState } from 'react';
import { SignIn } from '../shared/SignIn';
import { useAccess } from '../shared/useAccess';
import { Live } from './Live';

export function App() {
  const { access, signIn, signOut } = useAccess('callplane.wallboard');
  const [problem, setProblem] = useState<string>();
  if (!access) {
    return (
      <SignIn
        title="Wallboard"
        hint="Queues, agents and waiting callers as they are at this moment. Open it with an API key that has the scope wallboard."
        problem={problem}
        onAccess={(given, onDevice) => {
          setProblem(undefined);
          signIn(given, onDevice);
        }}
      />
    );
  }
  const leave = (why?: string) => {
    setProblem(why);
    signOut();
  };
  return <Live key={JSON.stringify(access)} access={access} onLeave={leave} />;
}

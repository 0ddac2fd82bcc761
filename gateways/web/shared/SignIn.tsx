import { Button, Checkbox, PasswordInput, SegmentedControl, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Access } from './credentials';
import { Icon } from './icons';
import { SchemeToggle } from './SchemeToggle';
import css from './SignIn.module.css';

interface Props {
  title: string;
  hint: string;
  /** Whether an operator's token opens it, too. */
  forOperators?: boolean;
  problem: string | undefined;
  onAccess: (access: Access, onDevice: boolean) => void;
}

export function SignIn({ title, hint, forOperators = false, problem, onAccess }: Props) {
  const [kind, setKind] = useState<Access['kind']>('key');
  const [secret, setSecret] = useState('');
  const [account, setAccount] = useState('');
  const [onDevice, setOnDevice] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const trimmed = { secret: secret.trim(), account: account.trim() };
    if (trimmed.secret) {
      const { account, ...rest } = trimmed;
      onAccess({ kind, ...rest, ...(account && kind === 'key' ? { account } : {}) }, onDevice);
    }
  };
  return (
    <main className={css.page}>
      <div className={css.corner}>
        <SchemeToggle />
      </div>
      <form className={css.card} onSubmit={submit} aria-labelledby="sign-in">
        <div className={css.mark}>
          <Icon name="gauge" size="1.75rem" />
        </div>
        <h1 id="sign-in" className={css.title}>
          {title}
        </h1>
        <p className={css.hint}>{hint}</p>
        {problem && (
          <p className={css.problem} role="alert">
            <Icon name="alarm" /> <span>{problem}</span>
          </p>
        )}
        {forOperators && (
          <SegmentedControl
            fullWidth
            value={kind}
            onChange={(value) => setKind(value as Access['kind'])}
            data={[
              { value: 'key', label: 'API key' },
              { value: 'admin', label: 'Admin token' },
            ]}
            aria-label="What opens it"
          />
        )}
        <PasswordInput
          label={kind === 'key' ? 'API key' : 'Admin token'}
          placeholder={kind === 'key' ? 'sk_…' : ''}
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
          required
          withAsterisk={false}
          data-autofocus
          size="md"
        />
        {kind === 'key' && (
          <TextInput
            label="Account"
            description="Only to look at an account below the key's own"
            placeholder="acc_…"
            value={account}
            onChange={(event) => setAccount(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
          />
        )}
        <Checkbox
          label="Keep me signed in on this device"
          checked={onDevice}
          onChange={(event) => setOnDevice(event.currentTarget.checked)}
        />
        <Button type="submit" size="md" fullWidth>
          Open
        </Button>
      </form>
    </main>
  );
}

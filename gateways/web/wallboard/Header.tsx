import { ActionIcon, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { timeOfDay } from '../shared/formats';
import { Icon, type IconName } from '../shared/icons';
import { SchemeToggle } from '../shared/SchemeToggle';
import type { AccountValue } from '../shared/stream/frames';
import type { View } from '../shared/stream/wallboard';
import { useTicking } from '../shared/ticking';
import css from './Header.module.css';
import { LinkBadge } from './LinkBadge';
import type { Sound } from './sound';

interface Props {
  account: AccountValue | undefined;
  view: View;
  sound: Sound;
  tv: { isTv: boolean; enter: () => void; leave: () => void };
  onLeave: () => void;
}

export function Header({ account, view, sound, tv, onLeave }: Props) {
  return (
    <header className={css.header} data-tv={tv.isTv}>
      <div className={css.mark}>
        <Icon name="gauge" size="1.375rem" />
      </div>
      <div className={css.names}>
        <h1>{account?.name ?? 'Wallboard'}</h1>
        <p>Wallboard</p>
      </div>
      <LinkBadge view={view} />
      <TimeOfDay zone={account?.timezone} />
      <div className={css.actions}>
        <Action
          icon={sound.isOn ? 'sound' : 'mute'}
          label={sound.isOn ? 'Mute the alarm' : 'Sound the alarm'}
          isPressed={sound.isOn}
          onClick={sound.toggle}
        />
        <SchemeToggle />
        <Action
          icon={tv.isTv ? 'close' : 'screen'}
          label={tv.isTv ? 'Leave TV mode' : 'TV mode'}
          onClick={tv.isTv ? tv.leave : tv.enter}
        />
        <Action icon="leave" label="Sign out" onClick={onLeave} />
      </div>
    </header>
  );
}

function TimeOfDay({ zone }: { zone: string | undefined }): ReactNode {
  return <time className={css.time}>{useTicking((now) => timeOfDay(now, zone))}</time>;
}

interface ActionProps {
  icon: IconName;
  label: string;
  isPressed?: boolean;
  onClick: () => void;
}

function Action({ icon, label, isPressed, onClick }: ActionProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={label}
        aria-pressed={isPressed}
        onClick={onClick}
      >
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
}

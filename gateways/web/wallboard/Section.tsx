import { type ReactNode, useId } from 'react';
import { number } from '../shared/formats';
import { Icon, type IconName } from '../shared/icons';
import css from './Section.module.css';

interface Props {
  name: string;
  count: number;
  isTv: boolean;
  /** How much of a wall's height it wants, compared with others. */
  share: number;
  tools?: ReactNode;
  filters?: ReactNode;
  children: ReactNode;
}

export function Section({ name, count, isTv, share, tools, filters, children }: Props) {
  const id = useId();
  const style = isTv ? { flex: `${share} 1 0` } : undefined;
  return (
    <section className={css.section} data-wall={isTv} style={style} aria-labelledby={id}>
      <div className={css.head}>
        <h2 id={id}>
          {name} <span className={css.count}>{number(count)}</span>
        </h2>
        {isTv ? filters : tools}
      </div>
      {!isTv && filters}
      {children}
    </section>
  );
}

export function Empty({
  icon,
  title,
  children,
}: {
  icon: IconName;
  title: string;
  children: ReactNode;
}) {
  return (
    <div className={css.empty}>
      <Icon name={icon} size="1.75rem" />
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  );
}

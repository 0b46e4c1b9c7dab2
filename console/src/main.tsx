import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/parts.css';
import './styles/table.css';
import './styles/pages.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { followTheme } from './state/theme.ts';

followTheme();
const root = document.querySelector('#app');
if (root !== null) render(<App />, root);

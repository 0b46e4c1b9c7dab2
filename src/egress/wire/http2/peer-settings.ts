import { ConnectionFault } from './fault.ts';
import { defaultHeaderTableBytes, defaultWindow, errorCode, maxWindow, setting } from './protocol.ts';

/** What the peer has told of itself (RFC 9113 section 6.5.2), beside a frame size, which we never make use of. */
export class PeerSettings {
  headerTableBytes = defaultHeaderTableBytes;
  /** RFC 9113 5.1.2: no limit until it says one. A careful hundred until its first SETTINGS are here. */
  maxConcurrentStreams = 100;
  initialWindow = defaultWindow;
  /** RFC 8441. */
  connectProtocol = false;

  /** Takes the entries of a SETTINGS payload, `bytes[start, end)`, whose length is a multiple of six, in their order. */
  take(bytes: Buffer, { start, end }: { start: number; end: number }, isServer: boolean): ConnectionFault | null {
    for (let at = start; at < end; at += 6) {
      const wrong = this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2), isServer);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  #set(id: number, value: number, isServer: boolean): ConnectionFault | null {
    switch (id) {
      case setting.headerTableSize:
        this.headerTableBytes = value;
        return null;
      case setting.enablePush:
        // "A client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a connection error".
        return value === 0 || (value === 1 && isServer)
          ? null
          : refuse('SETTINGS_ENABLE_PUSH (RFC 9113 section 6.5.2)');
      case setting.maxConcurrentStreams:
        this.maxConcurrentStreams = value;
        return null;
      case setting.initialWindowSize:
        if (value > maxWindow) {
          return new ConnectionFault(
            errorCode.flowControlError,
            'SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 section 6.5.2)',
          );
        }
        this.initialWindow = value;
        return null;
      case setting.maxFrameSize:
        return value >= 16_384 && value <= 0xff_ffff
          ? null
          : refuse('SETTINGS_MAX_FRAME_SIZE (RFC 9113 section 6.5.2)');
      case setting.enableConnectProtocol:
        // RFC 8441 3: "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL parameter with the value of 0 after
        // previously sending a value of 1."
        if (value > 1 || (value === 0 && this.connectProtocol)) {
          return refuse('SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3)');
        }
        this.connectProtocol = value === 1;
        return null;
      default:
        // "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST ignore that setting."
        return null;
    }
  }
}

function refuse(reason: string): ConnectionFault {
  return new ConnectionFault(errorCode.protocolError, reason);
}

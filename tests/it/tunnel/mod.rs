//! Public doors, each in front of the other end that it meets in the world.

mod cloudflared;
mod ngrok;
mod tunnel_child;

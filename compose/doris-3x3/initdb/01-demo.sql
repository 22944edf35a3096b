-- Run once, when the cluster is new and its first BE is alive.
CREATE DATABASE IF NOT EXISTS demo;
